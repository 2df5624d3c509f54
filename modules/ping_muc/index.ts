// Sends notices to clients that fell out of rooms on other servers. The steps of an outage:
//
//   triggers.ts    the reasons to doubt a remote or a join      silence.ts       rooms that send nothing
//   outage.ts      the schedule of one remote: canary first     outages.ts       all remotes in doubt
//   survey.ts      the questions: how many, how fast            order.ts, room_gate.ts, in_doubt.ts, requested.ts
//   questions.ts   each question and its answer                 presence_probes.ts, relay.ts
//   verdict.ts     what an answer means                         proofs.ts        which stanzas prove joins
//   notices.ts     the notices to clients
//   client_pings.ts  self-pings of clients                      episode.ts, metrics.ts, commands.ts
//
// docs/adr/0029-the-steps-of-an-outage.md has the reasons, docs/faults.md the behaviour in each fault.

import { defineModule, type Module, NS, Rate } from 'enjamb/api';
import { ClientPings } from './client_pings.ts';
import { forgetCommand, outagesCommand, probeCommand } from './commands.ts';
import type { Context, Join } from './context.ts';
import type { EpisodeRecord } from './episode.ts';
import { measureOutages, PingMucMetrics } from './metrics.ts';
import { type NoticeCause, Notices } from './notices.ts';
import { options, settingsFrom } from './options.ts';
import { Outages } from './outages.ts';
import { PresenceProbes, sentProbes } from './presence_probes.ts';
import { Proofs } from './proofs.ts';
import { Questions } from './questions.ts';
import { Relays } from './relay.ts';
import { Silence } from './silence.ts';
import { watchBounces, watchLinks } from './triggers.ts';

/**
 * When the link to another server breaks, asks the rooms there whether our clients are still in (XEP-0410). Clients that
 * are not get unavailable presence with status 333 (XEP-0045 §11.1), so that they can join again.
 */
export default defineModule({
  name: 'ping_muc',
  summary: 'Notifies clients that fell out of rooms because a link between servers broke',
  implements: ['XEP-0410 1.1.0'],
  enabledOn: ['local'],
  depends: ['track_muc_joins', 'presence'],
  options,
  load: (module) => loadPingMuc(module),
});

/** The interface for other modules: `module.use('ping_muc')`. */
export interface PingMuc {
  /** The last 100 outages that are over, the oldest first. */
  episodes(): readonly EpisodeRecord[];
  /**
   * Queues a notice for the client, which is sent whatever the room sends meanwhile. With the cause `given-up`, the
   * room is sent a leave when it is reachable.
   */
  tell(join: Join, cause: NoticeCause): void;
  /**
   * Tries to open the link, and asks the rooms of the remote 1–2 s after it is up, instead of after `ping_muc_delay`.
   * Clients are told of losses after that delay all the same.
   */
  askSoon(remote: string): void;
  /** Asks the room now whether the client is in. */
  confirm(join: Join): void;
}

declare module 'enjamb/api' {
  interface Exports {
    ping_muc: PingMuc;
  }
}

/** The most questions per second to all remotes. */
const TOTAL_RATE = 1_000;

type PingMucModule = Module<typeof options>;

function loadPingMuc(module: PingMucModule): PingMuc {
  const context = contextOf(module);
  const relays = new Relays(context);
  const presence = new PresenceProbes(context, sentProbes(module));
  const questions = new Questions(context, relays, presence);
  const notices: Notices = new Notices(context, (join) => outages.of(join.room.domain.name).confirm(join));
  const total = new Rate(TOTAL_RATE, context.clock);
  const outages = new Outages({ context, questions, presence, notices, total });
  module.provide('disco-feature', NS.MOD_PING_MUC);
  module.provide('muc-domain-state', (domain) => outages.summary(domain));
  answerPings(module, relays);
  takePresence(module, presence);
  watchLinks({ context, outages, notices });
  watchBounces({ context, outages, notices });
  const pings = new ClientPings({ context, relays, questions, notices, outages });
  module.observe('pre-iq/full', (event) => pings.sent(event));
  module.observe('c2s-resume', ({ session }) => {
    // After this event, so that the client first gets the stanzas that it missed.
    if (session.state.mucNotices) module.after(0, () => notices.resumed(session));
  });
  module.command(probeCommand(context, outages));
  module.command(outagesCommand(outages));
  module.command(forgetCommand(module.host, context.joins));
  const silence = new Silence({ context, outages, notices });
  if (context.settings.silence > 0) module.every(silence.interval, () => silence.walk());
  measureOutages(module.metric, () => outages.states);
  module.observe('muc-rejoins-over', (rejoins) => outages.rejoined(rejoins));
  continueOutages(module, outages, notices);
  return exportsOf(context, outages, notices);
}

function contextOf(module: PingMucModule): Context {
  const elapsed = () => module.clock.elapsed();
  const after: Context['after'] = (delayMs, task) => module.after(delayMs, task);
  const joins = module.use('track_muc_joins');
  return {
    module,
    joins,
    proofs: new Proofs(joins),
    settings: settingsFrom(module.options),
    metrics: new PingMucMetrics(module.metric),
    clock: { elapsed, after },
    now: elapsed,
    after,
  };
}

/** Answers the pings that the server answers for its clients. */
function answerPings(module: PingMucModule, relays: Relays): void {
  const { sessions } = module.host;
  module.hook(
    'iq/full',
    (event) => {
      if (event.stanza.attrs.type !== 'get') return undefined;
      const session = sessions.get(event.to);
      const isRelayed = event.from.resource !== undefined;
      const reply = isRelayed ? relays.answer(event, session) : relays.answerForSleeping(event, session);
      if (reply === undefined) return undefined;
      event.markOverhead();
      module.send(reply, { overhead: true });
      return 'handled';
    },
    'guard',
  );
}

/** Keeps the answers to presence probes from the clients. */
function takePresence(module: PingMucModule, presence: PresenceProbes): void {
  const { sessions } = module.host;
  module.hook(
    'presence/full',
    (event) => {
      if (!presence.isWaiting) return undefined;
      return presence.accept(event, sessions.get(event.to)?.state.mucJoins?.get(event.from.bare));
    },
    'guard',
  );
}

/** Repeats the outages that the former instance did not finish, and stores its own for the next instance. */
function continueOutages(module: PingMucModule, outages: Outages, notices: Notices): void {
  const kept = module.keep('interrupted', (): { remotes: string[] } => {
    // The module was unloaded for a while, so notices for sleeping clients may be wrong.
    for (const { state } of module.host.sessions) delete state.mucNotices;
    return { remotes: [] };
  });
  for (const remote of kept.remotes) outages.trigger(remote, 'link-lost');
  kept.remotes = [];
  module.onUnload(() => {
    const untold = [...notices.pending].map((join) => join.room.domain.name);
    kept.remotes = [...new Set([...outages.open, ...untold])];
  });
}

function exportsOf({ joins }: Context, outages: Outages, notices: Notices): PingMuc {
  return {
    episodes: () => outages.episodes,
    tell(join, cause) {
      if (cause === 'given-up') joins.leaveLater(join);
      notices.tellFinally(join, cause);
    },
    askSoon(remote) {
      if (!joins.domain(remote)) return;
      notices.hold(remote);
      outages.of(remote).askSoon();
    },
    confirm(join) {
      outages.of(join.room.domain.name).confirm(join);
    },
  };
}
