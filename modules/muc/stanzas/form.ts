// Data forms (XEP-0004), as far as rooms need them.

import { type Element, NS, xml } from 'enjamb/api';

export interface Field {
  readonly var: string;
  readonly type: string;
  readonly label?: string;
  readonly values: readonly string[];
  /** value → label */
  readonly choices?: Readonly<Record<string, string>>;
}

/** Builds a form; `type` is `form` to be filled in, or `result` to be read. */
export function buildForm(
  type: 'form' | 'result',
  formType: string,
  fields: readonly Field[],
  title?: string,
): Element {
  return xml(
    'x',
    { xmlns: NS.DATA_FORMS, type },
    title === undefined ? undefined : xml('title', {}, title),
    fieldElement({ var: 'FORM_TYPE', type: 'hidden', values: [formType] }),
    ...fields.map(fieldElement),
  );
}

function fieldElement(field: Field): Element {
  return xml(
    'field',
    { var: field.var, type: field.type, label: field.label },
    ...field.values.map((value) => xml('value', {}, value)),
    ...Object.entries(field.choices ?? {}).map(([value, label]) =>
      xml('option', { label }, xml('value', {}, value)),
    ),
  );
}

/** The values of a submitted form by field, in the order given. */
export function readForm(form: Element): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const field of form.getChildren('field')) {
    if (field.attrs.var === undefined) continue;
    values.set(
      field.attrs.var,
      field.getChildren('value').map((value) => value.text()),
    );
  }
  return values;
}
