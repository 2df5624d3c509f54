// Parses the configuration file into values and the position of each key. The only user of the TOML library.

import { parse, TomlError } from 'smol-toml';
import { ConfigError, formatPath } from './error.ts';
import { KeyIndex, type Path, type Position } from './key-index.ts';

export interface ConfigDocument {
  readonly data: Readonly<Record<string, unknown>>;
  /** The position of a key, or of the nearest table around it. */
  positionOf(path: Path): Position | undefined;
}

/** More than any site needs, and few enough to parse in one tick. */
const MAX_CHARACTERS = 1024 * 1024;

/**
 * Parses TOML.
 * @throws ConfigError with the line and column of a syntax error.
 */
export function parseDocument(text: string, file?: string): ConfigDocument {
  if (text.length > MAX_CHARACTERS) {
    throw new ConfigError(
      [{ path: '', expected: 'a file of at most 1 MiB', got: `${text.length} characters` }],
      file,
    );
  }
  const data = parseToml(text, file);
  const index = new KeyIndex(text);
  return { data, positionOf: (path) => index.positionOf(path) };
}

function parseToml(text: string, file: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return parse(text, { unsafeKeyBehaviour: 'throw', maxDepth: 20 });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const { line, column } = error;
    const [said = ''] = error.message.replace(/^Invalid TOML document: /, '').split('\n');
    const isRepeated = said.startsWith('trying to redefine');
    const fault =
      (isRepeated ? repetition(text, { line, column }) : undefined) ?? syntaxFault(said, text, line);
    throw new ConfigError([{ path: '', line, column, expected: 'valid TOML', got: 'none', ...fault }], file);
  }
}

interface Fault {
  readonly message: string;
  readonly hint: string;
}

/** The fault if a key or a [table] is in the file twice. */
function repetition(text: string, place: Position): Fault | undefined {
  const repeated = new KeyIndex(text).repetitionAt(place);
  if (repeated === undefined) return undefined;
  const { path, first } = repeated;
  const isTable = sourceLine(text, place.line).startsWith('[');
  const name = isTable ? `[${formatPath(path)}]` : formatPath(path);
  const hint = isTable
    ? 'put all its settings below one such line'
    : 'keep one of the two; put all values of a list into the same brackets';
  return { message: `${name} is repeated; it is first set on line ${first.line}`, hint };
}

/** Messages of the TOML library, each with the remedy for its most frequent cause. */
const REMEDIES: readonly (readonly [said: RegExp, hint: string])[] = [
  [/^invalid value/, 'text needs quotes, as in storage = "sqlite"; numbers, true and false do not'],
  [/expected comma or end of structure/, 'a comma is missing, or the bracket that ends a list or table'],
  [/control characters/, 'a quotation mark is missing at the end of the text'],
  [/followed by an end-of-line/, 'put each setting on its own line; write several values as a list: [1, 2]'],
  [/escape sequence/, 'write a backslash twice, or put the text into single quotes'],
  [
    /illegal character in key|end of key/,
    'a line is NAME = VALUE, a [table], or a comment that begins with #',
  ],
];

function syntaxFault(said: string, text: string, line: number): Fault {
  const remedy = REMEDIES.find(([pattern]) => pattern.test(said))?.[1];
  return {
    message: `not valid TOML: ${said}${shown(text, line)}`,
    hint: remedy ?? 'see https://toml.io for the syntax, and enjamb.example.toml for examples',
  };
}

/** The invalid line, shortened and without the value of a secret. */
function shown(text: string, line: number): string {
  const source = sourceLine(text, line);
  if (source === '' || /secret|password|token/i.test(source)) return '';
  return `: ${source.length > 80 ? `${source.slice(0, 77)}…` : source}`;
}

function sourceLine(text: string, line: number): string {
  return (text.split('\n')[line - 1] ?? '').trim();
}
