// Generates docs/errors.md: the meaning and remedy of every error code and log line.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { STANZA_ERROR_TYPES } from '../../src/xml/errors.ts';
import {
  type Advice,
  EXIT_CODES,
  MODULE_ERRORS,
  NET_ERRORS,
  SASL_ERRORS,
  STANZA_ERRORS,
  STORAGE_ERRORS,
  STREAM_ERRORS,
} from './error-texts.ts';
import { LOG_LINES } from './log-texts.ts';
import { code, GENERATED, page, table } from './markdown.ts';

/** `root` is the folder of the project. */
export function errorsPage(root: string): string {
  const sources = globSync('{src,modules}/**/*.ts', { cwd: root }).map((file) =>
    readFileSync(join(root, file), 'utf8'),
  );
  return page(
    '# Errors',
    GENERATED,
    'The codes stay the same across releases; their texts may change. All texts are in English.',
    ...section('Exit codes of the command `enjamb`', 'code', EXIT_CODES),
    '## The configuration',
    CONFIGURATION,
    ...section('Modules (`ModuleError`)', 'code', MODULE_ERRORS, MODULES),
    ...section('The network (`NetError`)', 'code', NET_ERRORS, NETWORK),
    ...section('Storage (`StorageError`)', 'condition', STORAGE_ERRORS, STORAGE),
    '## Internal errors',
    INTERNAL,
    ...section('Lines of the log', 'line', LOG_LINES, LOG),
    '## Stanzas that are refused',
    'Conditions of RFC 6120 §8.3.3 that this server sends; other servers may send all of them.',
    stanzaTable(usedIn(sources, 'StanzaError|roomError', STANZA_ERRORS)),
    ...section('Logins that are refused', 'condition', usedIn(sources, 'SaslError', SASL_ERRORS), SASL),
    ...section('Streams that are ended', 'condition', usedIn(sources, 'StreamError', STREAM_ERRORS), STREAMS),
  );
}

const CONFIGURATION = `A configuration with mistakes is not used. \`enjamb start\` and \`enjamb check\` list all mistakes with line and column, the
expected and the actual value, and a suggestion. On SIGHUP the server keeps its old configuration and logs each mistake as
\`configuration not reloaded\`. Settings that a running server cannot apply are logged as \`setting needs a restart\`.`;

const MODULES =
  'Shown by `enjamb start`, `enjamb check config` and `enjamb module`, and in the log. The message names the module.';
const NETWORK =
  'Shown in the log and by `enjamb s2s list`, for connections with clients, other servers and DNS servers.';
const STORAGE = `Shown in the log. Clients receive \`item-not-found\`, \`resource-constraint\` (for \`full\` too), or
\`internal-server-error\`. Failures that stanzas can cause again and again are logged as \`storage failed\`, at most 20 times a
minute; \`enjamb_internal_errors_total\` counts all.

Leave \`enjamb.sqlite-shm\` alone while the server runs. SQLite maps this file into memory. If it is truncated or made immutable
(\`chattr +i\`), the system ends the process with SIGBUS: no line of the log says so, the exit status is 135. What was
acknowledged is on the disk; restore the file's attributes and start the server again.`;
const INTERNAL = `An unexpected exception costs one stanza, connection, timer or lookup, and the server goes on
([ADR 0024](adr/0024-what-an-exception-costs.md)). The log has a line at level \`error\` with its stack, such as
\`handler failed\`, \`connection failed\` or \`internal error\`. \`enjamb metrics\` counts them by place as
\`enjamb_internal_errors_total\`. Please report the line with its stack: it is a
bug of the server. Only for \`storage failed\`, look at disk space, memory and file permissions first.`;
const LOG =
  'Lines at level `warn` need attention, lines at level `error` need action. Their fields name the place and the reason.';
const SASL = 'Conditions of RFC 6120 §6.5 that this server sends to clients and other servers.';
const STREAMS =
  'Conditions of RFC 6120 §4.9.3 that this server sends before it closes a stream; they are in the log too.';

function section(
  title: string,
  head: string,
  texts: Readonly<Record<string, Advice>>,
  about?: string,
): string[] {
  const rows = Object.entries(texts).map(([word, { means, todo }]) => [code(word), means, todo]);
  const body = table([head, 'what it means', 'what to do'], rows);
  return [`## ${title}`, ...(about === undefined ? [] : [about]), body];
}

function stanzaTable(texts: Readonly<Partial<Record<keyof typeof STANZA_ERRORS, Advice>>>): string {
  const rows = Object.entries(texts).map(([word, { means, todo }]) => {
    const type = STANZA_ERROR_TYPES[word as keyof typeof STANZA_ERROR_TYPES];
    return [code(word), type, means, todo];
  });
  return table(['condition', 'type', 'what it means', 'what to do'], rows);
}

/** The conditions that the sources use with the class, or with a function that makes its errors. */
function usedIn<T extends Readonly<Record<string, Advice>>>(
  sources: readonly string[],
  makers: string,
  texts: T,
): Partial<T> {
  const pattern = new RegExp(`\\b(?:${makers})\\(\\s*(?:[\\w.]+,\\s*)?'([a-z-]+)'`, 'g');
  const used = new Set(sources.flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1])));
  return Object.fromEntries(Object.entries(texts).filter(([word]) => used.has(word))) as Partial<T>;
}
