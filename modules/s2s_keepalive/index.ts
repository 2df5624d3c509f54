// Finds links with other servers that are dead although nobody has closed them: a firewall that forgot the
// connection, a cable, a machine that vanished. TCP alone notices that after a quarter of an hour, or never.

import {
  defineModule,
  duration,
  type Element,
  isLocalBounce,
  NS,
  newId,
  type S2SStream,
  xml,
} from 'enjamb/api';
import { Link } from './link.ts';
import { Questions } from './questions.ts';

declare module 'enjamb/api' {
  interface S2SState {
    /**
     * Stanzas of this stream that are no more than signs of life: what we have asked on it, and what was answered.
     * Owned by s2s_keepalive.
     */
    keepalive?: { asked: number; answered: number };
  }
}

/**
 * Watches what comes from each domain that somebody here needs (`s2s-needed`): after a while of silence it asks for a
 * sign of life (XEP-0199), and when no byte comes in time, ends all streams with that domain. To the others it only
 * sends a space now and then (RFC 6120 §4.6.1), so that what lies between does not forget the connection.
 */
export default defineModule({
  name: 's2s_keepalive',
  summary: 'Finds links with other servers that are dead without having been closed',
  implements: ['XEP-0199 2.0.1'],
  scope: 'host',
  enabledOn: ['local', 'component', 'external'],
  options: {
    s2s_keepalive_silence: duration(
      'A needed server that is silent for so long is asked for a sign of life',
      {
        default: '30 seconds',
        min: '1 second',
      },
    ),
    s2s_keepalive_timeout: duration('How long it may take for that sign before the links with it are ended', {
      default: '30 seconds',
      min: '1 second',
    }),
  },

  load(module) {
    const pings = module.metric.counter('s2s_keepalive_pings', 'Pings to servers that were silent');
    const dead = module.metric.counter('s2s_keepalive_timeouts', 'Servers that gave no sign of life in time');
    const links = new Map<string, Link>();
    const questions = new Questions();
    const domain = module.host.domain;
    const surroundings = {
      clock: {
        elapsed: () => module.clock.elapsed(),
        after: (delayMs: number, task: () => void) => module.after(delayMs, task),
      },
      silenceMs: module.options.s2s_keepalive_silence,
      timeoutMs: module.options.s2s_keepalive_timeout,
      isNeeded: (remote: string) => module.ask('s2s-needed', { remote }) === 'needed',
      ping(remote: string) {
        pings.add();
        const id = newId();
        const ping = xml('iq', { type: 'get', id, from: domain, to: remote }, xml('ping', NS.PING));
        questions.add(ping, id, remote);
        module.send(ping);
      },
      onDead: (remote: string, silentMs: number) => {
        dead.add();
        module.log.info('s2s link dead', { remote, silentMs });
      },
    };

    // Sessions live on while this module is loaded anew.
    const kept = module.keep('sessions', () => new Map<S2SStream, Set<string>>());
    const watch = (session: S2SStream, remote: string) => {
      const link = links.get(remote) ?? new Link(remote, surroundings);
      links.set(remote, link);
      link.add(session);
    };
    for (const [session, remotes] of kept) for (const remote of remotes) watch(session, remote);

    module.hook('s2s-open', ({ session, remote }) => {
      const remotes = kept.get(session) ?? new Set();
      kept.set(session, remotes.add(remote));
      watch(session, remote);
    });
    module.hook('s2s-close', ({ session, remote }) => {
      kept.delete(session);
      if (links.get(remote)?.remove(session) === 0) links.delete(remote);
    });

    module.hook(
      's2s-out',
      ({ session, element }) => {
        const remote = element.name === 'iq' ? questions.leaves(element) : undefined;
        if (remote === undefined) return;
        // One that was lost with another stream has found out what it was sent for.
        if (remote === 'again') return 'handled';
        counted(session).asked++;
        links.get(remote)?.asked();
      },
      'guard',
    );
    module.hook(
      'iq/host',
      (event) => {
        const { stanza, from, origin } = event;
        if (questions.size === 0 || isRequest(stanza) || !questions.answers(stanza, from)) return;
        if (origin.kind === 's2s' && !isLocalBounce(event)) counted(origin).answered++;
        return 'handled';
      },
      'guard',
    );
  },
});

function isRequest({ attrs }: Element): boolean {
  return attrs.type === 'get' || attrs.type === 'set';
}

function counted({ state }: S2SStream): { asked: number; answered: number } {
  state.keepalive ??= { asked: 0, answered: 0 };
  return state.keepalive;
}
