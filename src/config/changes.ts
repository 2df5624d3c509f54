// Finds the changes of a configuration that a running server cannot apply.

import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';
import { SERVER_OPTIONS } from './core-options.ts';

/** Options of the whole server that a reload applies. A reload applies all options of hosts. */
const LIVE: ReadonlySet<string> = new Set(['log_level', 'plugin_paths']);

/** The changed settings that need a restart, written as in the file. */
export function settingsForRestart(started: Config, next: Config): readonly string[] {
  const keys = Object.keys(SERVER_OPTIONS) as (keyof typeof SERVER_OPTIONS)[];
  const changed = keys.filter(
    (key) => !LIVE.has(key) && !isDeepStrictEqual(started.core[key], next.core[key]),
  );
  return [...changed, ...changedHosts(started, next)];
}

/** Hosts that were added or removed, or have become another kind. */
function changedHosts(started: Config, next: Config): readonly string[] {
  const [before, after] = [started, next].map(
    ({ hosts }) => new Map(hosts.map((host) => [host.domain, host])),
  );
  const domains = new Set([...before!.keys(), ...after!.keys()]);
  return [...domains].flatMap((domain) => {
    const [old, host] = [before!.get(domain), after!.get(domain)];
    if (!old || !host) return [`hosts."${domain}"`];
    return old.component === host.component ? [] : [`hosts."${domain}".component`];
  });
}
