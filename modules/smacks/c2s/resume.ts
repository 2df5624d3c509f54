// Resumption (XEP-0198 §5): a client continues its session on a new stream. No stanza is lost or doubled.

import { type Answer, type C2SSession, type Element, type Module, NS, xml } from 'enjamb/api';
import { streams } from 'enjamb/api/stream';
import { failed, hOf, tooHigh } from '../elements.ts';
import { sentCount } from '../outbound.ts';
import type { Client, Clients } from './clients.ts';
import type { Queues } from './queue.ts';
import type { EndedSessions } from './sleep.ts';

/**
 * The longest wait for stanzas of the old stream to be handled before `<resumed/>` is sent. The client resends unacknowledged
 * stanzas, so unfinished work would be done twice.
 */
const WORK_MS = 5_000;

export class Resumption {
  readonly #module: Module;
  readonly #clients: Clients;
  readonly #queues: Queues;
  readonly #ended: EndedSessions;

  constructor(module: Module, clients: Clients, queues: Queues, ended: EndedSessions) {
    this.#module = module;
    this.#clients = clients;
    this.#queues = queues;
    this.#ended = ended;
  }

  /**
   * Answers `<resume/>` of an authenticated client without resource.
   * @throws StreamError if its `h` is higher than the number of sent stanzas
   */
  answer({ jid }: C2SSession, request: Element): Answer<'c2s-unbound-nonza'> {
    const { previd } = request.attrs;
    const h = hOf(request);
    if (previd === undefined || h === undefined) return { reply: failed('bad-request') };
    // Disabled or deleted since it logged in.
    if (!this.#module.host.users.isEnabled(jid.local ?? '')) return { reply: failed('not-allowed') };
    // Sessions are found by account, then by id: a client cannot try the ids of other accounts.
    const former = this.#module.host.sessions
      .of(jid.local ?? '')
      .find(({ state }) => state.smacks?.id === previd);
    const client = former && this.#clients.get(former);
    if (!client) {
      const ended = this.#ended.get(jid.bare)?.find(({ id }) => id === previd);
      return { reply: failed('item-not-found', ended?.inbound.h) };
    }
    if (!this.#queues.acknowledge(client, h)) throw tooHigh(h, sentCount(client.state.outbound));
    return { resume: client.session };
  }

  /** Call this when the session has a new stream. Sends `<resumed/>` and the queue. New stanzas are queued until then. */
  begin(client: Client): void {
    const { inbound } = client;
    const finish = () => {
      client.resumeTimer?.cancel();
      client.resumeTimer = undefined;
      inbound.whenIdle = undefined;
      client.isResuming = false;
      this.#tell(client);
      client.session.ready();
    };
    if (inbound.waiting.length === 0) {
      finish();
      return;
    }
    client.isResuming = true;
    inbound.isOwed = false;
    inbound.whenIdle = finish;
    client.resumeTimer = streams(this.#module).serverClock.after(WORK_MS, finish);
  }

  #tell({ session, state }: Client): void {
    const { id, inbound, outbound } = state;
    session.write(xml('resumed', { xmlns: NS.SM, previd: id, h: `${inbound.h}` }));
    for (const { text } of outbound.queue) session.write(text);
  }
}
