// Stream management with clients: the effect of each session event on the counters and the queue.

import { type C2SSession, type Element, type Exports, type Module, NS, StreamError, xml } from 'enjamb/api';
import { streams } from 'enjamb/api/stream';
import { failed, hOf, isTrue, secondsOf } from '../elements.ts';
import { noteHandled } from '../inbound.ts';
import { newOutbound } from '../outbound.ts';
import { type AckLimits, Acknowledgements } from './acknowledgements.ts';
import { Clients } from './clients.ts';
import { Deliveries } from './deliveries.ts';
import { provideSessionPart } from './part.ts';
import { type QueueLimits, Queues } from './queue.ts';
import { Redelivery } from './redelivery.ts';
import { Resumption } from './resume.ts';
import { Sleep, type SleepLimits } from './sleep.ts';
import type { Sent } from './state.ts';

const STANZAS: ReadonlySet<string> = new Set(['message', 'presence', 'iq']);

export interface ClientLimits {
  readonly queue: QueueLimits;
  readonly acks: AckLimits;
  readonly sleep: SleepLimits;
}

interface Parts {
  readonly module: Module;
  readonly clients: Clients;
  readonly queues: Queues;
  readonly acks: Acknowledgements;
  readonly deliveries: Deliveries;
  readonly redelivery: Redelivery;
  readonly sleep: Sleep;
  readonly resumption: Resumption;
}

/** Manages the streams of the clients of a local host. */
export function manageClients(module: Module, limits: ClientLimits): Exports['smacks'] {
  const parts = newParts(module, limits);
  module.hook('stream-features', ({ session, features }) => {
    const isForClient = session?.kind === 'c2s' && features.getChild('bind', NS.BIND) !== undefined;
    if (isForClient) features.append(xml('sm', NS.SM));
  });
  count(parts);
  negotiate(parts);
  sleepAndWake(parts);
  endSessions(parts);
  checkCounts(module);
  provideSessionPart(module, parts);
  module.provide('unconfirmed-since', (user) => unconfirmedSince(module, user));
  return { forwarding: (copy, original) => parts.deliveries.forward(copy, original) };
}

/** When the oldest stanza was sent that a client of the user has not acknowledged. */
function unconfirmedSince({ host }: Module, user: string): number | undefined {
  const oldest = host.sessions
    .of(user)
    .map(({ state }) => state.smacks?.outbound.queue[0]?.at ?? state.inherited?.[0]?.at)
    .filter((at) => at !== undefined);
  return oldest.length === 0 ? undefined : Math.min(...oldest);
}

function newParts(module: Module, limits: ClientLimits): Parts {
  const clients = new Clients(module);
  const queues = new Queues(limits.queue, clients.onTaken);
  const deliveries = new Deliveries();
  const sleep = new Sleep(module, limits.sleep);
  return {
    module,
    clients,
    queues,
    acks: new Acknowledgements(streams(module).serverClock, queues, limits.acks),
    deliveries,
    redelivery: new Redelivery(module, deliveries, clients.onTaken),
    sleep,
    resumption: new Resumption(module, clients, queues, sleep.ended),
  };
}

/** XEP-0198 §4: outgoing stanzas are kept until acknowledged; incoming ones count once they are handled. */
function count({ module, clients, queues, acks, deliveries, redelivery }: Parts): void {
  module.hook('c2s-commit', ({ session, element, onTaken }) => {
    if (!STANZAS.has(element.name)) return undefined;
    if (session.state.inherited && element.name === 'message') redelivery.settle(session);
    const client = clients.get(session);
    const delivery = onTaken ? undefined : deliveries.note(session, element);
    if (client === undefined) return undefined;
    if (!queues.keep(client, element, { at: module.clock.now(), delivery, onTaken })) {
      if (onTaken) return 'full';
      if (delivery) delivery.copies--;
      session.close(new StreamError('resource-constraint', 'Stanzas were not acknowledged'));
      return undefined;
    }
    if (!session.connected || client.isResuming) return 'queued';
    acks.sent(client);
    return 'kept';
  });
  module.observe('c2s-handle', ({ session, work }) => {
    redelivery.settle(session);
    const client = clients.get(session);
    if (client === undefined) return;
    client.isHeard = true;
    noteHandled(client.inbound, work);
  });
}

/**
 * Stanzas are not counted while the module is not loaded. Ends the sessions in which some passed meanwhile, since their
 * counters would be wrong from then on.
 */
function checkCounts(module: Module): void {
  const { sessions } = module.host;
  for (const session of [...sessions]) {
    const { smacks: management } = session.state;
    const from = management?.unseenFrom;
    if (!management || !from) continue;
    management.unseenFrom = undefined;
    if (from.stanzasIn === session.stanzasIn && from.stanzasOut === session.stanzasOut) continue;
    session.close(new StreamError('reset', 'Stream management was off for a while'));
  }
  module.onUnload(() => {
    for (const { state, stanzasIn, stanzasOut } of sessions) {
      if (state.smacks) state.smacks.unseenFrom = { stanzasIn, stanzasOut };
    }
  });
}

function negotiate({ module, clients, acks, sleep, redelivery }: Parts): void {
  const on = (name: string, handler: (element: Element, session: C2SSession) => void) =>
    streams(module).handleNonza({ on: ['c2s'], name, xmlns: NS.SM }, (element, session) => {
      if (session.kind === 'c2s') handler(element, session);
    });
  on('enable', (request, session) => {
    enable(request, session, sleep);
    redelivery.settle(session);
  });
  on('resume', (_, session) => session.write(failed('unexpected-request'))); // §3: a resource is bound already.
  on('r', (_, session) => answer(clients, session));
  on('a', (element, session) => {
    const client = clients.get(session);
    if (client === undefined) session.write(failed('unexpected-request'));
    else acks.received(client, hOf(element));
  });
}

/** XEP-0198 §3: answers `<enable/>`. A second one ends the stream. */
function enable(request: Element, session: C2SSession, sleep: Sleep): void {
  if (session.state.smacks) {
    throw new StreamError('policy-violation', 'Stream management has been enabled before');
  }
  const wish = isTrue(request.attrs.resume) ? sleep.offer(secondsOf(request.attrs.max)) : undefined;
  const { id, max } = wish ?? {};
  session.write(xml('enabled', { xmlns: NS.SM, id, resume: id && 'true', max: max?.toString() }));
  session.state.smacks = {
    ...(id === undefined ? {} : { id }),
    maxMs: (max ?? 0) * 1000,
    inbound: { h: 0 },
    outbound: newOutbound(),
  };
}

/**
 * XEP-0198 §4: answers `<r/>` immediately with the stanzas handled so far. If others are still being handled, a second `<a/>`
 * follows when they are done.
 */
function answer(clients: Clients, session: C2SSession): void {
  const client = clients.get(session);
  if (client === undefined) {
    session.write(failed('unexpected-request'));
    return;
  }
  client.isHeard = true;
  if (client.isResuming) return; // `<resumed/>` follows, with the same `h`.
  const { inbound } = client;
  inbound.isOwed = inbound.waiting.length > 0;
  inbound.tell();
}

/** XEP-0198 §5: a session without connection sleeps until its client resumes it. */
function sleepAndWake({ module, clients, acks, sleep, resumption }: Parts): void {
  module.hook('c2s-unbound-nonza', ({ session, element }) => {
    if (element.getNS() !== NS.SM) return undefined;
    if (element.name === 'resume') return resumption.answer(session, element);
    return element.name === 'enable' ? { reply: failed('unexpected-request') } : undefined;
  });
  // §3: not before authentication.
  module.hook('c2s-early-nonza', ({ element }) => {
    return element.getNS() === NS.SM ? failed('unexpected-request') : undefined;
  });
  module.hook('c2s-disconnect', ({ session }) => {
    const client = clients.get(session);
    if (client === undefined) return undefined;
    acks.stop(client);
    return sleep.begin(client) ? 'sleep' : undefined;
  });
  // Elements that the client missed are sent before new ones.
  module.hook('c2s-attach', ({ session }) => {
    const client = clients.get(session);
    if (client === undefined) return;
    acks.stop(client);
    sleep.end(client);
    resumption.begin(client);
  });
  module.hook('c2s-resume', ({ session }) => {
    const client = clients.get(session);
    if (client) acks.sent(client);
  });
}

/** XEP-0198 §4: redelivers the stanzas that the client of an ended session has not acknowledged. */
function endSessions({ module, clients, acks, sleep, redelivery }: Parts): void {
  // Before anything else is sent to the successor, so that it gets the stanzas in order.
  module.hook('resource-ending', ({ session, successor }) => {
    if (successor) redelivery.bequeath(takeQueue(session), successor);
  });
  module.hook('resource-unbind', ({ session, error }) => {
    const client = clients.get(session);
    const queue = takeQueue(session);
    if (client) {
      acks.stop(client);
      sleep.forget(client, error);
    }
    delete session.state.smacks;
    redelivery.giveBack(session, queue);
  });
}

/** Empties the queue of an ended session. */
function takeQueue({ state }: C2SSession): Sent[] {
  const { inherited = [], smacks } = state;
  delete state.inherited;
  const queue = [...inherited, ...(smacks?.outbound.queue ?? [])];
  if (smacks) smacks.outbound.queue.length = 0;
  return queue;
}
