// The part of `enjamb check config` that checks the dependencies of modules.

import type { Advice } from '../../config/advice.ts';
import type { Config, HostConfig } from '../../config/config.ts';
import { HOST_OPTIONS } from '../../config/core-options.ts';
import { ModuleError } from '../../core/errors.ts';
import type { ModuleFiles } from '../../core/module-files.ts';
import { inOrder } from '../../core/module-order.ts';
import type { Finding } from './finding.ts';

/** Errors that prevent the modules of a host from loading, such as missing or circular dependencies. */
export async function brokenModules(config: Config, files: ModuleFiles): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const host of config.hosts) {
    try {
      await modulesOf(host, files);
    } catch (error) {
      if (!(error instanceof ModuleError)) throw error;
      const message = `${host.domain}: ${error.message}; the server does not start until this is corrected (${error.code})`;
      findings.push({
        check: 'config',
        severity: 'error',
        message,
        todo: `see ${error.code} in docs/errors.md`,
      });
    }
  }
  return findings;
}

const DISABLED = { modules_disabled: HOST_OPTIONS.modules_disabled };

/** Modules that the configuration disables but that run because other modules need them. */
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
        message: `"${name}" is loaded on ${host.domain} nevertheless, because ${users.join(', ')} depends on it`,
        todo: `disable ${users.join(', ')} as well, or remove "${name}" from the list`,
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
