// The arguments of a command as a form (XEP-0004), and back.

import { type Command, type Element, NS, type Option, type Options, xml } from 'enjamb/api';

type Values = Readonly<Record<string, unknown>>;

/** A form to be filled in; `given` is what stood in it before, without secrets. */
export function formFor(title: string, command: Command, given: Values): Element {
  return xml(
    'x',
    { xmlns: NS.DATA_FORMS, type: 'form' },
    xml('title', {}, title),
    ...Object.entries(command.args).map(([name, option]) => field(name, option, given[name])),
  );
}

/** What was filled in; empty fields were not. Text is left as text: the command line has no more. */
export function readForm(args: Options, form: Element): Values {
  const values: Record<string, unknown> = {};
  for (const element of form.getChildren('field')) {
    const { var: name = '' } = element.attrs;
    const option = Object.hasOwn(args, name) ? args[name] : undefined;
    if (option === undefined) continue; // FORM_TYPE, or what a client adds
    const value = readField(option, element);
    if (value !== undefined) values[name] = value;
  }
  return values;
}

function field(name: string, option: Option<unknown>, given: unknown): Element {
  const values = option.secret ? [] : valuesOf(given ?? option.fileDefault);
  return xml(
    'field',
    { var: name, type: typeOf(option), label: `${name}: ${option.doc}` },
    xml('desc', {}, option.describe()),
    option.required ? xml('required') : undefined,
    ...values.map((value) => xml('value', {}, value)),
    ...(option.choices ?? []).map((choice) => xml('option', { label: choice }, xml('value', {}, choice))),
  );
}

function typeOf(option: Option<unknown>): string {
  if (option.secret) return 'text-private';
  if (option.choices !== undefined) return 'list-single';
  if (takes(option, true) && takes(option, false)) return 'boolean';
  return isList(option) ? 'text-multi' : 'text-single';
}

function isList(option: Option<unknown>): boolean {
  return takes(option, []) || takes(option, ['a']) || takes(option, ['a.example']);
}

function takes(option: Option<unknown>, value: unknown): boolean {
  try {
    option.parse(value);
    return true;
  } catch {
    return false;
  }
}

function valuesOf(value: unknown): string[] {
  if (value === undefined || value === '') return [];
  return Array.isArray(value) ? value.map(String) : [String(value)];
}

function readField(option: Option<unknown>, element: Element): unknown {
  const lines = element.getChildren('value').map((value) => value.text());
  const text = option.secret ? (lines[0] ?? '') : (lines[0] ?? '').trim();
  if (lines.length === 0 || (lines.length === 1 && text === '')) return undefined;
  const type = typeOf(option);
  if (type === 'text-multi') return lines.map((line) => line.trim()).filter((line) => line !== '');
  if (type === 'boolean' && /^(0|1|true|false)$/.test(text)) return text === '1' || text === 'true'; // XEP-0004 §3.3
  return text;
}
