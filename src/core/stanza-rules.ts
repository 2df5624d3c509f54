// The rules of RFC 6120 §8 that every stanza must satisfy before it is routed.

import { isCut } from '../xml/cut.ts';
import { type Element, type Stanza, xml } from '../xml/element.ts';
import { StanzaError, StreamError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import { NS } from '../xml/namespaces.ts';

const KINDS: ReadonlySet<string> = new Set(['message', 'presence', 'iq']);
const IQ_TYPES: ReadonlySet<string> = new Set(['get', 'set', 'result', 'error']);
/** RFC 6121 §4.7.1; presence without a type means available. */
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

/** Whether a stanza is available or unavailable presence, which gets no reply (RFC 6121 §4.7.1). */
export function isAvailability({ name, attrs: { type } }: Stanza): boolean {
  return name === 'presence' && (type === undefined || type === 'unavailable');
}

/**
 * The error for a stanza of invalid form. A message of an unknown type is treated as `normal` (RFC 6121 §5.2.2), so
 * messages are never refused.
 */
export function checkStanza(stanza: Stanza): StanzaError | undefined {
  const { type } = stanza.attrs;
  if (isCut(stanza)) return tooLarge();
  if (stanza.name === 'iq') return checkIq(stanza);
  if (stanza.name === 'presence' && type !== undefined && !PRESENCE_TYPES.has(type)) {
    return badRequest('Unknown type of presence');
  }
  return undefined;
}

/** RFC 6120 §8.2.3. */
function checkIq(iq: Stanza): StanzaError | undefined {
  const { id, type } = iq.attrs;
  if (id === undefined || id === '') return badRequest('An iq must have an id');
  if (type === undefined || !IQ_TYPES.has(type))
    return badRequest('The type of an iq must be get, set, result or error');
  const count = iq.elements().length;
  if (type === 'result')
    return count > 1 ? badRequest('An iq of type result must have at most one child element') : undefined;
  if (type === 'error') return undefined;
  return count === 1 ? undefined : badRequest('An iq of type get or set must have exactly one child element');
}

/**
 * A client's stanza with the client's full JID as `from` (RFC 6120 §8.1.2.1), and with the language of the stream if it
 * has none of its own (§8.1.5).
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

/** Whether an iq requests a session (RFC 3921 §3). RFC 6120 made this obsolete, so the server only answers it. */
export function isLegacySession(iq: Stanza, sender: Jid): boolean {
  const { to, type } = iq.attrs;
  if (iq.name !== 'iq' || type !== 'set') return false;
  const isForUs = to === undefined || to === sender.domain || to === sender.bare;
  return isForUs && iq.getChild('session', NS.SESSION) !== undefined;
}

/** The empty answer to a request; from `account` if the request has no `to` (RFC 6120 §8.1.1.1). */
export function emptyResult(iq: Stanza, account: Jid): Stanza {
  const from = iq.attrs.to ?? account.bare;
  return xml('iq', { type: 'result', id: iq.attrs.id, from, to: iq.attrs.from });
}

function tooLarge(): StanzaError {
  return new StanzaError('policy-violation', {
    text: 'The stanza has too many elements and attributes, or is too long in full; send smaller stanzas',
  });
}

function badRequest(text: string): StanzaError {
  return new StanzaError('bad-request', { text });
}
