// Clients that fall out of rooms on other servers are told so: the reason why this server exists.
//
//   triggers.ts     what puts a domain, or one client, in doubt
//   domain.ts       the schedule of one domain        watches.ts   all domains in doubt
//   inquiries.ts    who is asked, how many at once    rotation.ts  in which order    rooms.ts  one per room first
//   probe.ts        questions under way               answer.ts    reading answers   verdict.ts  what they mean
//   notice.ts       telling clients
//   relay.ts        pings that rooms pass on          client_pings.ts  the clients' own
//   silence.ts      rooms that say nothing
//   episode.ts      the line in the log               measures.ts  what is counted     commands.ts
//   rejoin*.ts      joining for clients that do not do it themselves

import { defineModule, type Module, NS, Rate, wallTime } from 'enjamb/api';
import { streams } from 'enjamb/api/stream';
import { ClientPings } from './client_pings.ts';
import { forgetCommand, probeCommand } from './commands.ts';
import type { Context } from './context.ts';
import { keptData, presenceProbes } from './kept.ts';
import { Measures, measureDomains } from './measures.ts';
import { Notices } from './notice.ts';
import { Probes } from './probe.ts';
import { assistRejoins } from './rejoin_hooks.ts';
import { Relays } from './relay.ts';
import { options, settingsFrom } from './settings.ts';
import { Silence } from './silence.ts';
import { watchBounces, watchLinks } from './triggers.ts';
import { Watches } from './watches.ts';

/**
 * When the link to another server breaks, asks the rooms there whether our clients are still in (XEP-0410), and tells
 * those who are not with an unavailable presence of status 333 (XEP-0045 §11.1), so that they can join again.
 */
export default defineModule({
  name: 'ping_muc',
  summary: 'Tells clients when they fell out of rooms because a link between servers broke',
  implements: ['XEP-0410 1.1.0'],
  enabledOn: ['local'],
  depends: ['track_muc_joins', 'presence'],
  options,
  load: (module) => loadPingMuc(module),
});

const SWEEP_MS = 60_000;
/** Questions in a second to all domains together. */
const TOTAL_RATE = 1_000;

function loadPingMuc(module: Module<typeof options>): void {
  const kept = keptData(module);
  const context = contextOf(module);
  const relays = new Relays(context);
  const notices: Notices = new Notices({
    context,
    recheck: (join) => watches.of(join.room.domain.name).confirm(join),
    told(notice) {
      const recoveredAt = watches.get(notice.domain)?.recoveredAt;
      if (recoveredAt !== undefined) context.measures.told(context.now() - recoveredAt);
      module.notify('ping-muc-notice', notice);
    },
    tellsAsleep: (notice) => module.ask('ping-muc-asleep', notice) === 'tell',
  });
  const probes: Probes = new Probes({
    context,
    relays,
    probes: kept.probes,
    late: (join, answer, relay) => watches.of(join.room.domain.name).late(join, answer, relay),
  });
  const watches: Watches = new Watches({
    context,
    probes,
    notices,
    total: new Rate(TOTAL_RATE, context.clock),
    presenceProbes: presenceProbes(kept.presenceProbes, context.now),
  });
  module.provide('disco-feature', NS.MOD_PING_MUC);
  module.provide('muc-domain-state', (domain) => watches.summary(domain));
  takeAnswers(module, probes, relays);
  module.observe('s2s-out', ({ element }) => probes.left(element.attrs.id));
  watchLinks(module, watches);
  watchBounces(module, { context, watches, notices });
  watchClientPings(module, new ClientPings({ context, relays, probes, notices, watches }));
  module.observe('c2s-resume', ({ session }) => {
    // After this event: what was sent while the client slept comes first.
    if (session.state.mucNotices) module.after(0, () => notices.resumed(session));
  });
  assistRejoins(module, context);
  module.command(probeCommand(context, watches));
  module.command(forgetCommand(module.host, context.joins));
  module.every(SWEEP_MS, () => probes.sweep());
  const silence = new Silence({ context, watches, notices });
  if (context.settings.silence > 0) module.every(silence.interval, () => silence.walk());
  measureDomains(module.metric, () => watches.states);
  resume(module, kept, { probes, watches, notices });
}

function contextOf(module: Module<typeof options>): Context {
  const elapsed = () => module.clock.elapsed();
  const after: Context['after'] = (delayMs, task) => module.after(delayMs, task);
  return {
    clock: { elapsed, after },
    joins: module.use('track_muc_joins'),
    settings: settingsFrom(module.options),
    log: module.log,
    measures: new Measures(module.metric),
    now: elapsed,
    wallTime: (at) => wallTime(module.clock, at),
    random: () => Math.random(),
    after,
    send: (stanza, options) => module.send(stanza, options),
    report: (error, fields) => module.report(error, fields),
    spawn: (work) => module.spawn(work),
    isLocal: (domain) => module.local(domain) !== undefined,
    reach: (domain) => reach(module, domain),
  };
}

/** Where it fails, `link-fail` tells of it. */
async function reach(module: Module<typeof options>, domain: string): Promise<boolean> {
  if (module.local(domain) !== undefined) return false;
  try {
    await streams(module).connectRemote(domain);
    return true;
  } catch (error) {
    module.log.debug('not reached', { remote: domain, error });
    return false;
  }
}

/** What rooms send to a client, and is not for it. */
function takeAnswers(module: Module<typeof options>, probes: Probes, relays: Relays): void {
  const { sessions } = module.host;
  module.hook(
    'iq/full',
    (event) => {
      const { stanza, from, to } = event;
      const isRequest = stanza.attrs.type === 'get' || stanza.attrs.type === 'set';
      if (!isRequest) return probes.acceptIq(event);
      if (stanza.attrs.type !== 'get') return undefined;
      const session = sessions.get(to);
      const reply =
        from.resource === undefined
          ? relays.answerForSleeping(event, session)
          : relays.answer(event, session);
      if (reply === undefined) return undefined;
      event.markOverhead();
      module.send(reply, { overhead: true });
      return 'handled';
    },
    'guard',
  );
  module.hook(
    'presence/full',
    (event) => {
      if (!probes.awaitsPresence) return undefined;
      return probes.acceptPresence(event, sessions.get(event.to)?.state.mucJoins?.get(event.from.bare));
    },
    'guard',
  );
}

function watchClientPings(module: Module<typeof options>, pings: ClientPings): void {
  module.observe('pre-iq/full', (event) => pings.sent(event));
  module.hook('iq/full', (event) => pings.hold(event), 'guard');
  module.observe('iq/full', (event) => pings.answered(event));
  module.observe('resource-unbind', ({ session }) => pings.left(session));
}

/** Goes on where the instance before this one was interrupted, and leaves word for the one after it. */
function resume(
  module: Module<typeof options>,
  kept: ReturnType<typeof keptData>,
  { probes, watches, notices }: { probes: Probes; watches: Watches; notices: Notices },
): void {
  for (const domain of kept.interrupted) watches.trigger(domain, 'link-lost');
  kept.interrupted = [];
  module.onUnload(() => {
    const untold = [...notices.pending].map((join) => join.room.domain.name);
    kept.interrupted = [...new Set([...watches.open, ...untold])];
    probes.close();
  });
}
