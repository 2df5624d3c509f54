// `enjamb check`: finds mistakes before users do; each finding says what breaks and what to do.

import type { Config } from '../../config/config.ts';
import { visible } from '../../util/log-line.ts';
import { CliError, type ExitCode, type Terminal } from '../terminal.ts';
import { checkCertificates } from './certificates.ts';
import { checkConfig } from './config.ts';
import type { Finding } from './finding.ts';
import { checkStorage } from './storage.ts';

type Check = (config: Config) => Promise<readonly Finding[]>;

/** In the order in which they run; `undefined`: not written yet. */
const CHECKS: Readonly<Record<string, Check | undefined>> = {
  config: undefined,
  certs: checkCertificates,
  storage: checkStorage,
  dns: undefined,
  connectivity: undefined,
  compliance: undefined,
};

export const CHECK_NAMES = Object.keys(CHECKS);

export interface CheckOptions {
  readonly file: string | undefined;
  /** One of CHECK_NAMES; default: all that are there. */
  readonly only: string | undefined;
  readonly json: boolean;
}

/** Answers 1 when something is broken; doubtful settings alone are no failure. */
export async function check({ file, only, json }: CheckOptions, terminal: Terminal): Promise<ExitCode> {
  if (only !== undefined && !CHECK_NAMES.includes(only)) {
    throw new CliError(`there is no check "${only}"; these are: ${CHECK_NAMES.join(', ')}`, 2);
  }
  if (only !== undefined && only !== 'config' && CHECKS[only] === undefined) {
    throw new CliError(`"enjamb check ${only}" is not available in this version yet`);
  }
  const { config, findings: first } = await checkConfig(file);
  const findings = only === undefined || only === 'config' || config === undefined ? [...first] : [];
  for (const [name, run] of Object.entries(CHECKS)) {
    if (config === undefined || run === undefined || (only !== undefined && only !== name)) continue;
    findings.push(...(await run(config)));
  }
  terminal.stdout.write(json ? `${JSON.stringify(findings, undefined, 2)}\n` : render(findings));
  return findings.some((finding) => finding.severity === 'error') ? 1 : 0;
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
