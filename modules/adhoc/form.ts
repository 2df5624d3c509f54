// Converts the arguments of a command to a form (XEP-0004) and back.

import type { Command, Element, Option, Options } from 'enjamb/api';
import { booleanValue, buildForm, type Field, type FieldType, readForm as readFields } from 'enjamb/xep';

type Values = Readonly<Record<string, unknown>>;

/** An empty form, or one with the values `given`, without secrets. */
export function formFor(title: string, command: Command, given: Values): Element {
  const fields = Object.entries(command.args).map(([name, option]) => field(name, option, given[name]));
  return buildForm({ type: 'form', title, fields });
}

/** The values of a submitted form, without empty fields. Values stay text, as on the command line. */
export function readForm(args: Options, form: Element): Values {
  const values: Record<string, unknown> = {};
  for (const [name, lines] of readFields(form)) {
    const option = Object.hasOwn(args, name) ? args[name] : undefined;
    if (option === undefined) continue; // FORM_TYPE, or an unknown field
    const value = readField(option, lines);
    if (value !== undefined) values[name] = value;
  }
  return values;
}

function field(name: string, option: Option<unknown>, given: unknown): Field {
  return {
    var: name,
    type: typeOf(option),
    label: `${name}: ${option.doc}`,
    desc: option.describe(),
    required: option.required,
    values: option.secret ? [] : valuesOf(given ?? option.fileDefault),
    choices: Object.fromEntries((option.choices ?? []).map((choice) => [choice, choice])),
  };
}

function typeOf(option: Option<unknown>): FieldType {
  if (option.secret) return 'text-private';
  if (option.choices !== undefined) return 'list-single';
  if (option.kind === 'boolean') return 'boolean';
  return option.kind === 'list' ? 'text-multi' : 'text-single';
}

function valuesOf(value: unknown): string[] {
  if (value === undefined || value === '') return [];
  return Array.isArray(value) ? value.map(String) : [String(value)];
}

function readField(option: Option<unknown>, lines: readonly string[]): unknown {
  const text = option.secret ? (lines[0] ?? '') : (lines[0] ?? '').trim();
  if (lines.length === 0 || (lines.length === 1 && text === '')) return undefined;
  const type = typeOf(option);
  if (type === 'text-multi') return lines.map((line) => line.trim()).filter((line) => line !== '');
  return type === 'boolean' ? (booleanValue(text) ?? text) : text;
}
