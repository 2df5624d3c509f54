// Two listeners cannot share a port: found in the file rather than at start.

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

/** Reports every port that is used twice on overlapping addresses. Port 0 is a different one each time. */
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

/** Points at whichever of the two the file names, the later one if both. */
function reportClash(top: Table, port: number, [first, second]: readonly [Use, Use], report: Report): void {
  const [at, other] = Object.hasOwn(top, second.key) ? [second, first] : [first, second];
  const byDefault = Object.hasOwn(top, other.key) ? '' : ' by default';
  const hint = `${other.key} has it${byDefault}; each listener needs a port of its own`;
  report([at.key, at.index], { expected: 'a port that is free', got: String(port), hint });
}

/** A wrong value is reported elsewhere; here it counts as none. */
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
