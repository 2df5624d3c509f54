// The part of `enjamb check config` that knows how modules need each other.

import type { Advice } from '../../config/advice.ts';
import type { Config, HostConfig } from '../../config/config.ts';
import { HOST_OPTIONS } from '../../config/core-options.ts';
import { ModuleError } from '../../core/errors.ts';
import type { ModuleFiles } from '../../core/module-files.ts';
import { inOrder } from '../../core/module-order.ts';
import type { Finding } from './finding.ts';

/** What keeps the modules of a host from being loaded, such as others that are missing or need each other. */
export async function brokenModules(config: Config, files: ModuleFiles): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const host of config.hosts) {
    try {
      await modulesOf(host, files);
    } catch (error) {
      if (!(error instanceof ModuleError)) throw error;
      const message = `${host.domain}: ${error.message}; the server does not start with it (${error.code})`;
      findings.push({
        check: 'config',
        severity: 'error',
        message,
        todo: 'see docs/errors.md for what to do',
      });
    }
  }
  return findings;
}

const DISABLED = { modules_disabled: HOST_OPTIONS.modules_disabled };

/** Modules that are switched off, and yet run because others need them. */
export async function unwillinglyLoaded(
  { hosts, core }: Config,
  files: ModuleFiles,
): Promise<readonly Advice[]> {
  const found: Advice[] = [];
  for (const host of hosts) {
    const disabled = new Set([...core.modules_disabled, ...host.get(DISABLED).modules_disabled]);
    const loaded = await modulesOf(host, files);
    for (const { name } of loaded.filter((definition) => disabled.has(definition.name))) {
      const users = loaded.filter(({ depends = [] }) => depends.includes(name)).map((user) => user.name);
      found.push({
        subject: 'modules_disabled',
        message: `"${name}" is loaded on ${host.domain} all the same: ${users.join(', ')} cannot do without it`,
        todo: `disable ${users.join(', ')} as well, or take "${name}" off the list`,
      });
    }
  }
  return found;
}

/** @throws ModuleError */
function modulesOf(host: HostConfig, files: ModuleFiles): ReturnType<typeof inOrder> {
  const place = { domain: host.domain, kind: host.component === undefined ? 'local' : 'component' } as const;
  const source = { import: (name: string) => files.import(name), has: () => false };
  return inOrder(host.modules, place, source);
}
