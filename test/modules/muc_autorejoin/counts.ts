// What our server has sent to the service, and what it has counted.

import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import type { Stage } from './stage.ts';

type Counts = Record<string, number>;

/** The stanzas that have reached the service since this was last asked, by kind. */
export function sent({ service: { peer } }: Stage): Counts {
  const counts: Counts = {};
  for (const stanza of peer.received.splice(0)) {
    const kind = kindOf(stanza);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

function kindOf(stanza: Element): string {
  const { name, attrs } = stanza;
  if (name === 'presence') {
    if (attrs.type === 'unavailable') return 'leave';
    return stanza.getChild('x', NS.MUC) ? 'join' : 'presence';
  }
  if (name === 'message') return 'message';
  if (stanza.getChild('ping', NS.PING)) return 'ping';
  if (stanza.getChild('query', NS.MAM)) return 'archive';
  if (stanza.getChild('query', NS.DISCO_INFO)) return 'info';
  if (stanza.getChild('query', NS.MUC_ADMIN)) return 'list';
  return stanza.getChild('query', NS.MUC_OWNER) ? 'configuration' : 'iq';
}

/** The counters of muc_autorejoin that are not zero: `presences swallowed`, say. */
export async function counted({ h }: Stage): Promise<Counts> {
  const { text = '' } = await h.command('metrics');
  const counts: Counts = {};
  for (const line of text.split('\n')) {
    const [, name, labels = '', value] =
      /^enjamb_muc_autorejoin_(\w+?)_total(?:\{([^}]*)\})? (\d+)$/.exec(line) ?? [];
    if (name === undefined || value === '0') continue;
    const values = [...labels.matchAll(/(\w+)="([^"]*)"/g)].filter(([, label]) => label !== 'host');
    counts[[name, ...values.map(([, , one]) => one)].join(' ')] = Number(value);
  }
  return counts;
}

/** When the link with the service came up last; ms of `clock.elapsed`. */
export function watchLink({ h }: Stage): { readonly upAt: number } {
  const seen = { upAt: 0 };
  const note = () => {
    seen.upAt = h.clock.elapsed();
  };
  h.host.hooks.add('link-open', note, 'observe', 'test');
  return seen;
}
