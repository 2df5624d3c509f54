// XEP-0198 Stream Management: stanzas are acknowledged, and a client or a server whose connection breaks goes on with
// another.

import {
  boolean,
  type C2SSession,
  defineModule,
  duration,
  type Element,
  integer,
  type Module,
  NS,
  StreamError,
  size,
  xml,
} from 'enjamb/api';
import { Acknowledgements } from './acknowledgements.ts';
import { Deliveries } from './deliveries.ts';
import { failed, hOf, isTrue, secondsOf } from './elements.ts';
import { Hibernation } from './hibernation.ts';
import { newInbound, noteHandled } from './inbound.ts';
import { Leftovers } from './leftovers.ts';
import { keep, newOutbound, type QueueLimits } from './outbound.ts';
import { Resumption } from './resume.ts';
import { manageLinks } from './s2s.ts';
import type { StreamManagement } from './state.ts';

const STANZAS: ReadonlySet<string> = new Set(['message', 'presence', 'iq']);

/**
 * Keeps what a client has not acknowledged: at most `smacks_max_queue` stanzas and `smacks_max_queue_size` per session,
 * for at most `smacks_max_hibernated_sessions` sleeping sessions per account. When a session ends, its messages go where
 * messages for a client that is gone go (RFC 6121 §8.5.3.2.1), requests are refused, and nothing is lost silently.
 */
export default defineModule({
  name: 'smacks',
  summary: 'Keeps clients and links with other servers going when a connection breaks',
  implements: ['XEP-0198 1.6.3'],
  scope: 'host',
  enabledOn: ['local', 'component', 'external'],
  options: {
    smacks_hibernation_time: duration('How long a client whose connection broke may come back', {
      default: '10 minutes',
      min: '1 second',
    }),
    smacks_max_hibernated_sessions: integer('How many clients of a user may be away like this', {
      default: 10,
      min: 1,
    }),
    smacks_max_queue: integer('How many stanzas are kept for a client that has not confirmed them', {
      default: 5000,
      min: 1,
    }),
    smacks_max_queue_size: size('How large these may be together', { default: '2 MiB', min: '16 KiB' }),
    smacks_max_unacked: integer('After how many stanzas a client is asked to confirm at once', {
      default: 10,
      min: 1,
    }),
    smacks_ack_timeout: duration('How long a client may take to confirm before it is taken for dead', {
      default: '1 minute',
      min: '1 second',
    }),
    s2s_resumption_time: duration('How long a link with another server that broke may be taken up again', {
      default: '5 minutes',
      min: '1 second',
    }),
    s2s_max_unconfirmed: integer(
      'How many stanzas another server may leave unconfirmed before the link is ended',
      { default: 20_000, min: 1 },
    ),
    s2s_max_unconfirmed_size: size(
      'How much memory these may take; all links of a host together have 128 MiB',
      {
        default: '16 MiB',
        min: '16 KiB',
      },
    ),
    s2s_ack_timeout: duration('How long another server may take to confirm before it is taken for dead', {
      default: '15 seconds',
      min: '1 second',
    }),
    s2s_confirm_by_ping: boolean('Servers without stream management confirm stanzas by answering pings', {
      default: true,
    }),
  },

  load(module) {
    const { options } = module;
    manageLinks(module, {
      maxStanzas: options.s2s_max_unconfirmed,
      maxBytes: options.s2s_max_unconfirmed_size,
      ackTimeoutMs: options.s2s_ack_timeout,
      resumableMs: options.s2s_resumption_time,
      confirmsByPing: options.s2s_confirm_by_ping,
    });
    if (module.host.kind !== 'local') return;
    const acks = new Acknowledgements(module.clock, {
      maxUnacked: options.smacks_max_unacked,
      timeoutMs: options.smacks_ack_timeout,
    });
    const hibernation = new Hibernation(module, {
      timeMs: options.smacks_hibernation_time,
      maxPerAccount: options.smacks_max_hibernated_sessions,
    });
    const deliveries = new Deliveries();
    const leftovers = new Leftovers(module, deliveries);
    const limits = { stanzas: options.smacks_max_queue, bytes: options.smacks_max_queue_size };

    module.hook('stream-features', ({ session, features }) => {
      const isForClient = session?.kind === 'c2s' && features.getChild('bind', NS.BIND) !== undefined;
      if (isForClient) features.append(xml('sm', NS.SM));
    });
    count(module, { acks, deliveries, leftovers, limits });
    negotiate(module, acks, hibernation, leftovers);
    sleepAndWake(module, acks, hibernation);
    endSessions(module, acks, hibernation, leftovers);
    checkCounts(module);
  },
});

interface Counting {
  readonly acks: Acknowledgements;
  readonly deliveries: Deliveries;
  readonly leftovers: Leftovers;
  readonly limits: QueueLimits;
}

/** §4: what goes out is kept until it is acknowledged; what comes in counts once it is handled. */
function count(module: Module, { acks, deliveries, leftovers, limits }: Counting): void {
  module.hook('c2s-commit', ({ session, element, onTaken }) => {
    if (!STANZAS.has(element.name)) return undefined;
    if (session.state.inherited && element.name === 'message') leftovers.settle(session);
    const management = session.state.smacks;
    const delivery = onTaken ? undefined : deliveries.note(session, element);
    if (management === undefined) return undefined;
    const isKept = keep(management.outbound, element, { at: module.clock.now(), delivery, onTaken }, limits);
    if (!isKept) {
      if (onTaken) return 'full';
      if (delivery) delivery.copies--;
      session.close(new StreamError('resource-constraint', 'Stanzas were not acknowledged'));
      return undefined;
    }
    if (!session.connected || management.isResuming) return 'queued';
    acks.sent(session, management);
    return 'kept';
  });
  module.observe('c2s-handle', ({ session, work }) => {
    leftovers.settle(session);
    const management = session.state.smacks;
    if (management === undefined) return;
    management.isHeard = true;
    noteHandled(management.inbound, work);
  });
}

/** What passes while the module is not loaded is not counted: a session to which that happened would lie from then on. */
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

function negotiate(
  module: Module,
  acks: Acknowledgements,
  hibernation: Hibernation,
  leftovers: Leftovers,
): void {
  const on = (name: string, handler: (element: Element, session: C2SSession) => void) =>
    module.handleNonza({ on: ['c2s'], name, xmlns: NS.SM }, (element, session) => {
      if (session.kind === 'c2s') handler(element, session);
    });
  on('enable', (request, session) => {
    enable(request, session, hibernation);
    leftovers.settle(session);
  });
  on('resume', (_, session) => session.write(failed('unexpected-request'))); // §3: a resource is bound already.
  on('r', (_, session) => answer(session));
  on('a', (element, session) => {
    const management = session.state.smacks;
    if (management === undefined) session.write(failed('unexpected-request'));
    else acks.received(session, management, hOf(element));
  });
}

/** §3; a second one ends the stream. */
function enable(request: Element, session: C2SSession, hibernation: Hibernation): void {
  if (session.state.smacks) {
    throw new StreamError('policy-violation', 'Stream management has been enabled before');
  }
  const wish = isTrue(request.attrs.resume) ? hibernation.offer(secondsOf(request.attrs.max)) : undefined;
  const { id, max } = wish ?? {};
  session.write(xml('enabled', { xmlns: NS.SM, id, resume: id && 'true', max: max?.toString() }));
  const management: StreamManagement = {
    ...(id === undefined ? {} : { id }),
    maxMs: (max ?? 0) * 1000,
    inbound: newInbound(() => session.write(xml('a', { xmlns: NS.SM, h: `${management.inbound.h}` }))),
    outbound: newOutbound(),
    isRequested: false,
    isHeard: false,
    isResuming: false,
  };
  session.state.smacks = management;
}

/** §4: at once, with what has been handled so far; when work is under way, again as soon as it is done. */
function answer(session: C2SSession): void {
  const management = session.state.smacks;
  if (management === undefined) {
    session.write(failed('unexpected-request'));
    return;
  }
  management.isHeard = true;
  if (management.isResuming) return; // What it asks for is about to be said.
  const { inbound } = management;
  inbound.isOwed = inbound.waiting.length > 0;
  session.write(xml('a', { xmlns: NS.SM, h: `${inbound.h}` }));
}

/** §5. */
function sleepAndWake(module: Module, acks: Acknowledgements, hibernation: Hibernation): void {
  const resumption = new Resumption(module, hibernation.ended);
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
    const management = session.state.smacks;
    if (management === undefined) return undefined;
    acks.stop(management);
    return hibernation.begin(session, management) ? 'sleep' : undefined;
  });
  // Nothing new is said to the client before what it missed.
  module.hook('c2s-attach', ({ session }) => {
    const management = session.state.smacks;
    if (management === undefined) return;
    acks.stop(management);
    hibernation.end(management);
    resumption.begin(session, management, () => acks.sent(session, management));
  });
}

/** §4: redelivers the stanzas that the client of an ended session has not acknowledged. */
function endSessions(
  module: Module,
  acks: Acknowledgements,
  hibernation: Hibernation,
  leftovers: Leftovers,
): void {
  module.hook('resource-unbind', ({ session, error, successor }) => {
    const { smacks: management, inherited = [] } = session.state;
    delete session.state.smacks;
    delete session.state.inherited;
    if (management) {
      acks.stop(management);
      hibernation.forget(session, management, error);
    }
    const queue = [...inherited, ...(management?.outbound.queue ?? [])];
    if (successor) leftovers.bequeath(queue, successor);
    else leftovers.giveBack(session, queue);
  });
}
