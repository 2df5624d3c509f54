// A client comes back (§5): the same session on another stream, with nothing lost and nothing twice.

import { type Answer, type C2SSession, type Element, type Module, NS, xml } from 'enjamb/api';
import { failed, hOf, tooHigh } from './elements.ts';
import type { EndedSessions } from './hibernation.ts';
import { acknowledge, sentCount } from './outbound.ts';
import type { StreamManagement } from './state.ts';

/**
 * How long a client may have to wait for what it sent on the old stream to be handled. It sends again what we do not
 * confirm, so work that is almost done would be done twice.
 */
const WORK_MS = 5_000;

export class Resumption {
  readonly #module: Module;
  readonly #ended: EndedSessions;

  constructor(module: Module, ended: EndedSessions) {
    this.#module = module;
    this.#ended = ended;
  }

  /**
   * A client, authenticated and not bound, asks for a session of its account.
   * @throws StreamError when it claims to have more stanzas of it than it was sent.
   */
  answer({ jid }: C2SSession, request: Element): Answer<'c2s-unbound-nonza'> {
    const { previd } = request.attrs;
    const h = hOf(request);
    if (previd === undefined || h === undefined) return { reply: failed('bad-request') };
    // Disabled or deleted since it logged in.
    if (!this.#module.host.users.isEnabled(jid.local ?? '')) return { reply: failed('not-allowed') };
    const former = this.#module.host.sessions
      .of(jid.local ?? '')
      .find(({ state }) => state.smacks?.id === previd);
    const management = former?.state.smacks;
    if (!former || !management) {
      const ended = this.#ended.get(jid.bare)?.find(({ id }) => id === previd);
      return { reply: failed('item-not-found', ended?.inbound.h) };
    }
    if (!acknowledge(management.outbound, h)) throw tooHigh(h, sentCount(management.outbound));
    return { resume: former };
  }

  /** The session has its new stream. Until its client has been told so, stanzas for it wait in the queue. */
  begin(session: C2SSession, management: StreamManagement, done: () => void): void {
    const finish = () => {
      management.resumeTimer?.cancel();
      management.resumeTimer = undefined;
      management.inbound.whenIdle = undefined;
      management.isResuming = false;
      this.#tell(session, management);
      done();
    };
    if (management.inbound.waiting.length === 0) {
      finish();
      return;
    }
    management.isResuming = true;
    management.inbound.isOwed = false;
    management.inbound.whenIdle = finish;
    management.resumeTimer = this.#module.clock.after(WORK_MS, finish);
  }

  #tell(session: C2SSession, { id, inbound, outbound }: StreamManagement): void {
    session.write(xml('resumed', { xmlns: NS.SM, previd: id, h: `${inbound.h}` }));
    for (const { text } of outbound.queue) session.write(text);
  }
}
