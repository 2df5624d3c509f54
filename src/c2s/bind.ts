// Resource binding (RFC 6120 §7).

import type { LocalHost } from '../core/host.ts';
import { newId } from '../util/ids.ts';
import { type Element, type Stanza, xml } from '../xml/element.ts';
import { StanzaError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import { NS } from '../xml/namespaces.ts';

export function bindFeature(): Element {
  return xml('bind', NS.BIND);
}

/**
 * The full JID that a client asks for; the server's choice where it has no wish.
 * @throws StanzaError 'bad-request' (§7.7.2.1), 'resource-constraint' (§7.6.2.1), 'not-allowed' (§7.6.2.2).
 */
export function chooseAddress(iq: Stanza, user: string, host: LocalHost, maxSessions: number): Jid {
  const bind = iq.getChild('bind', NS.BIND);
  if (iq.attrs.type !== 'set' || !iq.attrs.id || !bind || iq.elements().length !== 1) {
    throw new StanzaError('bad-request');
  }
  if (!host.users.isEnabled(user)) throw new StanzaError('not-allowed'); // Disabled or deleted after the login.
  const jid = addressOf(user, host.domain, bind.getChildText('resource') || newId());
  // A session that the new one replaces leaves its place to it.
  const others = host.sessions.of(user).filter((session) => !session.jid.equals(jid));
  if (others.length >= maxSessions) throw new StanzaError('resource-constraint');
  return jid;
}

export function bindResult(iq: Stanza, jid: Jid): Stanza {
  const bind = xml('bind', NS.BIND, xml('jid', {}, jid.toString()));
  return xml('iq', { type: 'result', id: iq.attrs.id }, bind);
}

function addressOf(user: string, domain: string, resource: string): Jid {
  try {
    return Jid.of(user, domain, resource);
  } catch (cause) {
    throw new StanzaError('bad-request', { text: 'This resource cannot be used', cause });
  }
}
