// The rules of RFC 6120 §8 that every stanza must meet before it is routed.

import { isCut } from '../xml/cut.ts';
import { type Element, type Stanza, xml } from '../xml/element.ts';
import { StanzaError, StreamError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import { NS } from '../xml/namespaces.ts';

const KINDS: ReadonlySet<string> = new Set(['message', 'presence', 'iq']);
const IQ_TYPES: ReadonlySet<string> = new Set(['get', 'set', 'result', 'error']);
/** RFC 6121 §4.7.1; no type at all means available. */
const PRESENCE_TYPES: ReadonlySet<string> = new Set([
  'unavailable',
  'subscribe',
  'subscribed',
  'unsubscribe',
  'unsubscribed',
  'probe',
  'error',
]);

/** A message, presence or iq in the content namespace of its stream. */
export function isStanza(element: Element): boolean {
  return KINDS.has(element.name) && element.getNS() === undefined;
}

/** Available or unavailable presence: a notification, to which no reply is due (RFC 6121 §4.7.1). */
export function isAvailability({ name, attrs: { type } }: Stanza): boolean {
  return name === 'presence' && (type === undefined || type === 'unavailable');
}

/**
 * What is wrong with the form of a stanza, if anything. A message of an unknown type is a normal one (RFC 6121
 * §5.2.2), so there is nothing to refuse about messages.
 */
export function checkStanza(stanza: Stanza): StanzaError | undefined {
  const { type } = stanza.attrs;
  if (isCut(stanza)) return tooLarge();
  if (stanza.name === 'iq') return checkIq(stanza);
  if (stanza.name === 'presence' && type !== undefined && !PRESENCE_TYPES.has(type)) {
    return badRequest('There is no presence of this type');
  }
  return undefined;
}

/** RFC 6120 §8.2.3. */
function checkIq(iq: Stanza): StanzaError | undefined {
  const { id, type } = iq.attrs;
  if (id === undefined || id === '') return badRequest('An iq must have an id');
  if (type === undefined || !IQ_TYPES.has(type)) return badRequest('There is no iq of this type');
  const count = iq.elements().length;
  if (type === 'result') return count > 1 ? badRequest('A result has one child element at most') : undefined;
  if (type === 'error') return undefined;
  return count === 1 ? undefined : badRequest('An iq of type get or set has exactly one child element');
}

/**
 * The stanza as our client's server passes it on: from the full JID (RFC 6120 §8.1.2.1), in the language of the
 * stream where it names none itself (§8.1.5).
 * @throws StreamError 'invalid-from' for another `from` than the client's bare or full JID.
 */
export function stampStanza(stanza: Stanza, sender: Jid, lang: string | undefined): Stanza {
  const { from } = stanza.attrs;
  const full = sender.toString();
  if (from !== undefined && from !== full && !isOwn(from, sender)) throw new StreamError('invalid-from');
  const language = stanza.attrs['xml:lang'] ?? lang;
  return stanza.with(language === undefined ? { from: full } : { from: full, 'xml:lang': language });
}

function isOwn(from: string, sender: Jid): boolean {
  const jid = Jid.tryParse(from);
  return jid !== undefined && (jid.equals(sender) || jid.equals(sender.toBare()));
}

/** The request for a session that RFC 3921 §3 wanted and RFC 6120 made needless: answered, and nothing more. */
export function isLegacySession(iq: Stanza, sender: Jid): boolean {
  const { to, type } = iq.attrs;
  if (iq.name !== 'iq' || type !== 'set') return false;
  const isForUs = to === undefined || to === sender.domain || to === sender.bare;
  return isForUs && iq.getChild('session', NS.SESSION) !== undefined;
}

/** `account` answers where the request was for nobody in particular (RFC 6120 §8.1.1.1). */
export function emptyResult(iq: Stanza, account: Jid): Stanza {
  const from = iq.attrs.to ?? account.bare;
  return xml('iq', { type: 'result', id: iq.attrs.id, from, to: iq.attrs.from });
}

function tooLarge(): StanzaError {
  return new StanzaError('policy-violation', {
    text: 'The stanza has too many elements and attributes, or is too long when written in full; send less in one',
  });
}

function badRequest(text: string): StanzaError {
  return new StanzaError('bad-request', { text });
}
