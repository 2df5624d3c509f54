// Data forms (XEP-0004): built, and read when they come back filled in.

import { type Element, xml } from '../xml/element.ts';
import { NS } from '../xml/namespaces.ts';

/** §3.3. */
export type FieldType =
  | 'boolean'
  | 'fixed'
  | 'hidden'
  | 'jid-multi'
  | 'jid-single'
  | 'list-multi'
  | 'list-single'
  | 'text-multi'
  | 'text-private'
  | 'text-single';

/** §3.2. */
export interface Field {
  readonly var: string;
  readonly type: FieldType;
  readonly label?: string;
  /** An explanation for people. */
  readonly desc?: string;
  readonly required?: boolean;
  readonly values: readonly string[];
  /** Value → label, for lists. */
  readonly choices?: Readonly<Record<string, string>>;
  /** Lists only: other values than the choices are allowed too (XEP-0122 §3.2.2). */
  readonly isOpen?: boolean;
}

export interface FormOptions {
  /** `form`: to be filled in; `result`: to be read (§3.1). */
  readonly type: 'form' | 'result';
  /** What kind of form it is (XEP-0068 §3). */
  readonly formType?: string;
  readonly title?: string;
  readonly fields: readonly Field[];
}

/** Builds `<x xmlns='jabber:x:data'/>`. */
export function buildForm({ type, formType, title, fields }: FormOptions): Element {
  const marker: Field[] =
    formType === undefined ? [] : [{ var: 'FORM_TYPE', type: 'hidden', values: [formType] }];
  return xml(
    'x',
    { xmlns: NS.DATA_FORMS, type },
    title === undefined ? undefined : xml('title', {}, title),
    ...[...marker, ...fields].map(fieldElement),
  );
}

/** The values of a submitted form by field, in the order given. Fields without a name are left out. */
export function readForm(form: Element): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const field of form.getChildren('field')) {
    const { var: name } = field.attrs;
    if (name !== undefined)
      values.set(
        name,
        field.getChildren('value').map((value) => value.text()),
      );
  }
  return values;
}

/** The value of a boolean (§3.3); `undefined` for any other text. */
export function booleanValue(text: string): boolean | undefined {
  if (text === '1' || text === 'true') return true;
  return text === '0' || text === 'false' ? false : undefined;
}

function fieldElement(field: Field): Element {
  const { var: name, type, label, desc, required, values, choices = {}, isOpen } = field;
  return xml(
    'field',
    { var: name, type, label },
    desc === undefined ? undefined : xml('desc', {}, desc),
    required === true ? xml('required') : undefined,
    isOpen === true
      ? xml('validate', { xmlns: NS.FORM_VALIDATION, datatype: 'xs:string' }, xml('open'))
      : undefined,
    ...values.map((value) => xml('value', {}, value)),
    ...Object.entries(choices).map(([value, text]) =>
      xml('option', { label: text }, xml('value', {}, value)),
    ),
  );
}
