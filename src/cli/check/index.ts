// `enjamb check`: finds mistakes before users do; each finding says what breaks and what to do.

import type { Config } from '../../config/config.ts';
import { didYouMean } from '../../config/suggest.ts';
import { visible } from '../../util/log-line.ts';
import { CliError, type ExitCode, type Terminal } from '../terminal.ts';
import { checkCertificates } from './certificates.ts';
import { checkConfig } from './config.ts';
import type { Finding } from './finding.ts';
import { checkStorage } from './storage.ts';

type Check = (config: Config) => Promise<readonly Finding[]>;

/** In the order in which they run; the check of the configuration runs before all of them. */
const CHECKS: Readonly<Record<string, Check>> = { certs: checkCertificates, storage: checkStorage };

export const CHECK_NAMES = ['config', ...Object.keys(CHECKS)];

/** Checks of a later version. */
const PLANNED: ReadonlySet<string> = new Set(['dns', 'connectivity', 'compliance']);

export interface CheckOptions {
  readonly file: string | undefined;
  /** One of CHECK_NAMES; default: all. */
  readonly only: string | undefined;
  readonly json: boolean;
}

/** Returns 1 when something is broken; warnings alone are no failure. */
export async function check({ file, only, json }: CheckOptions, terminal: Terminal): Promise<ExitCode> {
  if (only !== undefined && !CHECK_NAMES.includes(only)) throw noCheck(only);
  const { config, findings: first } = await checkConfig(file);
  const findings = only === undefined || only === 'config' || config === undefined ? [...first] : [];
  for (const [name, run] of Object.entries(CHECKS)) {
    if (config === undefined || (only !== undefined && only !== name)) continue;
    findings.push(...(await run(config)));
  }
  terminal.stdout.write(json ? `${JSON.stringify(findings, undefined, 2)}\n` : render(findings));
  return findings.some((finding) => finding.severity === 'error') ? 1 : 0;
}

function noCheck(name: string): CliError {
  const known = CHECK_NAMES.join(', ');
  if (PLANNED.has(name))
    return new CliError(`this version does not have the check "${name}" yet; the checks are: ${known}`);
  const hint = didYouMean(name, CHECK_NAMES);
  const advice = hint === undefined ? '' : `\n${hint}`;
  return new CliError(`there is no check "${name}"; the checks are: ${known}${advice}`, 2);
}

const SIGNS = { error: 'WRONG', warning: 'doubtful', ok: 'ok' } as const;

function render(findings: readonly Finding[]): string {
  return findings
    .map(({ check: name, severity, message, todo }) => {
      const advice = todo === undefined ? '' : `\n          → ${indent(todo)}`;
      return `${SIGNS[severity].padEnd(8)}  ${name}: ${indent(message)}${advice}\n`;
    })
    .join('');
}

function indent(text: string): string {
  return text.split('\n').map(visible).join('\n          ');
}
