// `enjamb check config`: mistakes in the file, and doubtful settings.

import { adviceOn } from '../../config/advice.ts';
import type { Config } from '../../config/config.ts';
import { ConfigError, type ConfigProblem, describeProblem } from '../../config/error.ts';
import { ModuleFiles } from '../../core/module-files.ts';
import { knownModules, readConfig } from '../configuration.ts';
import type { Finding } from './finding.ts';
import { brokenModules, unwillinglyLoaded } from './modules.ts';

/** The configuration, if it can be used, with the findings about it. */
export async function checkConfig(
  file: string | undefined,
): Promise<{ config: Config | undefined; findings: readonly Finding[] }> {
  try {
    const config = await readConfig(file);
    const files = new ModuleFiles(config.core.plugin_paths, config.packages);
    const broken = await brokenModules(config, files);
    if (broken.length > 0) return { config: undefined, findings: broken };
    return { config, findings: [summary(config), ...(await doubts(config, files))] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { config: undefined, findings: error.problems.map((problem) => mistake(problem, error.file)) };
  }
}

function summary(config: Config): Finding {
  const hosts = config.hosts
    .map((host) => `${host.domain}${host.component ? ` (${host.component})` : ''}`)
    .join(', ');
  const source = config.path ?? 'the built-in configuration';
  return { check: 'config', severity: 'ok', message: `${source} is valid; hosts: ${hosts}` };
}

async function doubts(config: Config, files: ModuleFiles): Promise<readonly Finding[]> {
  const known = await knownModules(files);
  const advice = [...adviceOn(config, known), ...(await unwillinglyLoaded(config, files))];
  return advice.map(({ subject, message, todo }) => ({
    check: 'config',
    severity: 'warning',
    message: `${subject}: ${message}`,
    todo,
  }));
}

function mistake(problem: ConfigProblem, file: string | undefined): Finding {
  const { hint } = problem;
  const message = `${describeProblem(problem, file)}; the server does not start until this is corrected`;
  return { check: 'config', severity: 'error', message, ...(hint === undefined ? {} : { todo: hint }) };
}
