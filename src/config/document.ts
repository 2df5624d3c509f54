// The configuration file as text: values by the TOML library, whose only user this file is, and the place of each key.

import { parse, TomlError } from 'smol-toml';
import { ConfigError } from './error.ts';
import { KeyIndex, type Path, type Position } from './key-index.ts';

export interface ConfigDocument {
  readonly data: Readonly<Record<string, unknown>>;
  /** Where a key stands, or the nearest table around it. */
  positionOf(path: Path): Position | undefined;
}

/** More than any site needs, little enough to read at once. */
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
    const [first = ''] = error.message.replace(/^Invalid TOML document: /, '').split('\n');
    const { line, column } = error;
    const problem = {
      path: '',
      line,
      column,
      expected: 'valid TOML',
      got: 'something else',
      hint: `${first}${lineOf(text, line)}`,
    };
    throw new ConfigError([problem], file);
  }
}

/** The offending line itself, cut short and without what looks like a secret's value. */
function lineOf(text: string, line: number): string {
  const source = (text.split('\n')[line - 1] ?? '').trim();
  if (source === '' || /secret|password|token/i.test(source)) return '';
  return `: ${source.length > 80 ? `${source.slice(0, 77)}…` : source}`;
}
