// Resource binding (RFC 6120 §7).

import type { LocalHost } from '../core/host.ts';
import { loaded, notInTime } from '../core/owner-queues.ts';
import { newId } from '../util/ids.ts';
import { type Element, type Stanza, xml } from '../xml/element.ts';
import { errorReply, StanzaError, StreamError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import { NS } from '../xml/namespaces.ts';
import type { Step, StepOwner } from './step.ts';

export class BindStep implements Step {
  readonly name = 'bind';
  readonly #owner: StepOwner;

  constructor(owner: StepOwner) {
    this.#owner = owner;
  }

  features(): Element[] {
    if (this.#owner.session.phase !== 'binding') return [];
    // Old clients request a session (RFC 3921 §3) unless they are told that it is optional.
    return [xml('bind', NS.BIND), xml('session', NS.SESSION, xml('optional'))];
  }

  owns(element: Element): boolean {
    return element.is('iq') && element.getChild('bind', NS.BIND) !== undefined;
  }

  /** Loads the user's table rows before it binds, because the stanzas of a session are handled in one tick. */
  take(iq: Stanza): void {
    const { session, user } = this.#owner;
    const ready = session.host.ready(user ?? '');
    if (ready === true) this.#bind(iq);
    else this.#bindLater(iq, ready);
  }

  #bindLater(iq: Stanza, ready: Promise<void>): void {
    const { context, session, stream } = this.#owner;
    stream.suspend();
    loaded(ready, context.clock)
      .then(
        () => stream.isOpen && this.#bind(iq),
        (error: unknown) => {
          context.faults.report('work', error, { c2s: session.id });
          this.#refuse(iq, notInTime());
        },
      )
      .catch((error: unknown) => {
        context.faults.report('stream', error, { c2s: session.id });
        stream.close(new StreamError('internal-server-error'));
      })
      .finally(() => stream.resume());
  }

  #bind(iq: Stanza): void {
    const { context, options, session, stream, user } = this.#owner;
    try {
      const jid = chooseAddress(iq, user ?? '', session.host, options.maxSessions);
      context.negotiating?.delete(session);
      session.bind(jid, () => stream.send(bindResult(iq, jid)));
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      this.#refuse(iq, error);
    }
  }

  #refuse(iq: Stanza, error: StanzaError): void {
    const reply = errorReply(iq, error);
    if (reply) this.#owner.stream.send(reply);
  }
}

/**
 * The full JID that a client asks for; the server chooses the resource when the client names none.
 * @throws StanzaError 'bad-request' (§7.7.2.1), 'resource-constraint' (§7.6.2.1), 'not-allowed' (§7.6.2.2).
 */
function chooseAddress(iq: Stanza, user: string, host: LocalHost, maxSessions: number): Jid {
  const bind = iq.getChild('bind', NS.BIND);
  if (iq.attrs.type !== 'set' || !iq.attrs.id || !bind || iq.elements().length !== 1) {
    throw new StanzaError('bad-request');
  }
  if (!host.users.isEnabled(user)) throw new StanzaError('not-allowed'); // Disabled or deleted after the login.
  const jid = addressOf(user, host.domain, bind.getChildText('resource') || newId());
  // A session with the same address will be replaced, so it does not count.
  const others = host.sessions.of(user).filter((session) => !session.jid.equals(jid));
  if (others.length >= maxSessions) throw new StanzaError('resource-constraint');
  return jid;
}

function bindResult(iq: Stanza, jid: Jid): Stanza {
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
