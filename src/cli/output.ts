// How answers look: tables and sentences for people, JSON for programs.

import type { CommandResult } from '../admin/commands.ts';
import { visible } from '../util/log-line.ts';

/** The answer as text that ends with a line break; empty when there is nothing to say. */
export function renderResult(result: CommandResult, json: boolean): string {
  if (json) return `${JSON.stringify(jsonOf(result), undefined, 2)}\n`;
  const table = result.rows === undefined ? '' : renderTable(result.rows, result.columns);
  const text = result.text === undefined ? '' : `${result.text.split('\n').map(visible).join('\n')}\n`;
  return `${table}${text}`;
}

/** Rows if there are any, else the data, else the sentence. */
function jsonOf(result: CommandResult): unknown {
  return result.data ?? result.rows ?? (result.text === undefined ? {} : { text: result.text });
}

type Rows = readonly Readonly<Record<string, unknown>>[];

/** Aligned columns under their names. */
export function renderTable(rows: Rows, columns: readonly string[] = Object.keys(rows[0] ?? {})): string {
  if (rows.length === 0) return 'none\n';
  const cells = [columns.map((column) => column.replaceAll('_', ' ').toUpperCase())];
  for (const row of rows) cells.push(columns.map((column) => cell(row[column])));
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]!.length)));
  const lines = cells.map((line) =>
    line
      .map((text, index) => text.padEnd(widths[index]!))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

function cell(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map(cell).join(', ');
  return visible(typeof value === 'object' ? JSON.stringify(value) : String(value));
}
