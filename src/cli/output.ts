// Prints results: tables and sentences for people, JSON for programs.

import type { CommandResult } from '../admin/commands.ts';
import { visible } from '../util/log-line.ts';

/** In characters. A wider table shows its last columns below each row. */
const MAX_WIDTH = 100;
const GAP = '  ';
const INDENT = '    ';

/**
 * The result as text that ends with a line break; empty when the command returned nothing.
 * @param none the text for a listing without rows
 */
export function renderResult(result: CommandResult, json: boolean, none = 'none'): string {
  if (json) return `${JSON.stringify(jsonOf(result), undefined, 2)}\n`;
  const { rows, columns, text } = result;
  const table = rows === undefined ? '' : rows.length === 0 ? `${none}\n` : renderTable(rows, columns);
  return `${table}${text === undefined ? '' : `${text.split('\n').map(visible).join('\n')}\n`}`;
}

/** Rows if there are any, else the data, else the sentence. */
function jsonOf(result: CommandResult): unknown {
  return result.data ?? result.rows ?? (result.text === undefined ? {} : { text: result.text });
}

type Row = Readonly<Record<string, unknown>>;

/**
 * Aligned columns under their names, at most MAX_WIDTH wide. The columns that do not fit follow on lines of their own,
 * as `name: value`, where they have a value.
 */
function renderTable(rows: readonly Row[], columns: readonly string[] = Object.keys(rows[0] ?? {})): string {
  const widths = columns.map((column) =>
    Math.max(titleOf(column).length, ...rows.map((row) => cell(row[column]).length)),
  );
  const count = fitting(widths);
  const aligned = (texts: readonly string[]): string =>
    texts
      .map((text, index) => text.padEnd(widths[index]!))
      .join(GAP)
      .trimEnd();
  const shown = columns.slice(0, count);
  const lines = rows.flatMap((row) => [
    aligned(shown.map((column) => cell(row[column]))),
    ...below(row, columns.slice(count)),
  ]);
  return `${[aligned(shown.map(titleOf)), ...lines].join('\n')}\n`;
}

/** The number of leading columns that fit into one line; at least 1. */
function fitting(widths: readonly number[]): number {
  let total = -GAP.length;
  const count = widths.findIndex((width) => {
    total += GAP.length + width;
    return total > MAX_WIDTH;
  });
  return count === -1 ? widths.length : Math.max(count, 1);
}

function below(row: Row, columns: readonly string[]): readonly string[] {
  const pairs = columns
    .filter((column) => cell(row[column]) !== EMPTY)
    .map((column) => `${column.replaceAll('_', ' ')}: ${cell(row[column])}`);
  return joined(pairs).flatMap(wrap);
}

/** Joins pairs into lines of at most MAX_WIDTH characters. */
function joined(pairs: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (const pair of pairs) {
    const last = lines.at(-1);
    if (last !== undefined && INDENT.length + last.length + 2 + pair.length <= MAX_WIDTH)
      lines[lines.length - 1] = `${last}; ${pair}`;
    else lines.push(pair);
  }
  return lines;
}

/** Breaks lines at spaces; a word that is longer than a line stays whole. */
function wrap(text: string): readonly string[] {
  const lines: string[] = [];
  let line = INDENT;
  for (const word of text.split(' ')) {
    const isFirst = line.trim() === '';
    if (!isFirst && line.length + 1 + word.length > MAX_WIDTH) {
      lines.push(line);
      line = `${INDENT}${INDENT}${word}`;
    } else line += isFirst ? word : ` ${word}`;
  }
  return [...lines, line];
}

function titleOf(column: string): string {
  return column.replaceAll('_', ' ').toUpperCase();
}

const EMPTY = '-';

function cell(value: unknown): string {
  if (value === undefined || value === null || value === '') return EMPTY;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map(cell).join(', ');
  return visible(typeof value === 'object' ? JSON.stringify(value) : String(value));
}
