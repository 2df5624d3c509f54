// Finds ports that two listeners share, before the server starts.

import { SERVER_OPTIONS } from './core-options.ts';
import { OptionError } from './option.ts';
import type { Report } from './report.ts';

/** Each list of ports with the list of addresses that it listens on. */
const LISTENERS = [
  ['c2s_ports', 'interfaces'],
  ['c2s_direct_tls_ports', 'interfaces'],
  ['s2s_ports', 'interfaces'],
  ['s2s_direct_tls_ports', 'interfaces'],
  ['component_ports', 'component_interfaces'],
] as const;

type Table = Readonly<Record<string, unknown>>;

interface Use {
  readonly key: string;
  readonly index: number;
  readonly addresses: readonly string[];
}

/** Reports every port that two listeners use on overlapping addresses. Port 0 means a different port each time. */
export function findPortClashes(top: Table, report: Report): void {
  const taken = new Map<number, Use[]>();
  for (const [key, interfaces] of LISTENERS) {
    const addresses = acceptedValue(interfaces, top) as readonly string[];
    for (const [index, port] of (acceptedValue(key, top) as readonly number[]).entries()) {
      const use = { key, index, addresses };
      const others = taken.get(port) ?? [];
      const clash = port === 0 ? undefined : others.find((other) => overlap(other.addresses, addresses));
      if (clash !== undefined) reportClash(top, port, [clash, use], report);
      taken.set(port, [...others, use]);
    }
  }
}

/** Reports the use that the file names; if it names both, the later one. */
function reportClash(top: Table, port: number, [first, second]: readonly [Use, Use], report: Report): void {
  const [at, other] = Object.hasOwn(top, second.key) ? [second, first] : [first, second];
  const byDefault = Object.hasOwn(top, other.key) ? '' : ' by default';
  const hint = `${other.key} uses this port${byDefault}; choose another one`;
  report([at.key, at.index], { expected: 'a free port', got: String(port), hint });
}

/** The value of an option; `undefined` for an invalid one, which is reported elsewhere. */
function acceptedValue(key: keyof typeof SERVER_OPTIONS, top: Table): unknown {
  try {
    return SERVER_OPTIONS[key].parse(top[key]);
  } catch (error) {
    if (error instanceof OptionError) return [];
    throw error;
  }
}

function overlap(a: readonly string[], b: readonly string[]): boolean {
  return a.some((address) => address === '*' || b.includes('*') || b.includes(address));
}
