// The result of a command, as a form of type `result` (XEP-0004 §3.4) and notes.

import { type CommandResult, type Element, NS, xml } from 'enjamb/api';

/** The most rows of a result: a stanza that is too large ends the streams of many clients. */
const MAX_ROWS = 1_000;
const MAX_CHARS = 100_000;

type Row = Readonly<Record<string, unknown>>;

export function resultElements(title: string, { rows, columns, text }: CommandResult): readonly Element[] {
  const elements: Element[] = [];
  if (rows !== undefined) elements.push(...table(title, rows, columns ?? Object.keys(rows[0] ?? {})));
  if (text === undefined) return elements.length > 0 ? elements : [note('info', 'done')];
  return [...elements, ...sentence(title, text, elements.length > 0)];
}

function table(title: string, rows: readonly Row[], columns: readonly string[]): Element[] {
  if (rows.length === 0) return [note('info', 'none')];
  const items: Element[] = [];
  let chars = 0;
  for (const row of rows) {
    const cells = columns.map((column) => [column, cell(row[column])] as const);
    chars += cells.reduce((sum, [name, text]) => sum + name.length + text.length + 40, 0);
    if (items.length >= MAX_ROWS || chars > MAX_CHARS) break;
    items.push(
      xml('item', {}, ...cells.map(([name, text]) => xml('field', { var: name }, xml('value', {}, text)))),
    );
  }
  const fields = columns.map((name) =>
    xml('field', { var: name, type: 'text-single', label: name.replaceAll('_', ' ') }),
  );
  const form = result(title, xml('reported', {}, ...fields), ...items);
  const left = rows.length - items.length;
  return left === 0
    ? [form]
    : [form, note('warn', `${left} more rows are omitted; the command line shows all`)];
}

/** A note for one line; a form for several lines, which a note would join. */
function sentence(title: string, text: string, hasForm: boolean): Element[] {
  if (hasForm || !text.includes('\n')) return [note('info', text.slice(0, MAX_CHARS))];
  const lines = text.slice(0, MAX_CHARS).split('\n');
  const values = lines.map((line) => xml('value', {}, line));
  const form = result(title, xml('field', { var: 'text', type: 'text-multi' }, ...values));
  return text.length <= MAX_CHARS
    ? [form]
    : [form, note('warn', 'Some of the data is omitted; the command line shows all')];
}

function result(title: string, ...children: readonly Element[]): Element {
  return xml('x', { xmlns: NS.DATA_FORMS, type: 'result' }, xml('title', {}, title), ...children);
}

function note(type: 'info' | 'warn', text: string): Element {
  return xml('note', { type }, text);
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map(cell).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
