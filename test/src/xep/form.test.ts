import assert from 'node:assert/strict';
import { test } from 'node:test';
import { booleanValue, buildForm, type Field, readForm } from '../../../src/xep/form.ts';
import { parseElement } from '../../../src/xml/copy.ts';

test('XEP-0004 §3: a form with its kind, a title and fields of several types', () => {
  const fields: Field[] = [
    {
      var: 'name',
      type: 'text-single',
      label: 'Name',
      desc: 'What people call it',
      required: true,
      values: ['Hall'],
    },
    { var: 'who', type: 'list-single', values: ['all'], choices: { all: 'Everybody', none: 'Nobody' } },
    { var: 'tags', type: 'text-multi', values: ['a', 'b'] },
  ];
  const form = buildForm({ type: 'form', formType: 'urn:kind', title: 'Settings', fields });
  const expected = parseElement(
    `<x xmlns='jabber:x:data' type='form'><title>Settings</title>
    <field var='FORM_TYPE' type='hidden'><value>urn:kind</value></field>
    <field var='name' type='text-single' label='Name'><desc>What people call it</desc><required/><value>Hall</value></field>
    <field var='who' type='list-single'><value>all</value>
      <option label='Everybody'><value>all</value></option><option label='Nobody'><value>none</value></option></field>
    <field var='tags' type='text-multi'><value>a</value><value>b</value></field></x>`.replace(/>\s+</g, '><'),
  );
  assert.equal(`${form}`, `${expected}`);
});

test('a form that is built is read again', () => {
  const fields: Field[] = [
    { var: 'none', type: 'text-single', values: [] },
    { var: 'empty', type: 'text-single', values: [''] },
    { var: 'many', type: 'jid-multi', values: ['a@b', 'c@d'] },
  ];
  const values = readForm(buildForm({ type: 'result', fields }));
  assert.deepEqual(
    [...values],
    [
      ['none', []],
      ['empty', ['']],
      ['many', ['a@b', 'c@d']],
    ],
  );
});

test('what clients send: fields without a name or a type, elements of other namespaces', () => {
  const form = parseElement(`<x xmlns='jabber:x:data' type='submit'><title>t</title>
    <field><value>no name</value></field><field var='a'><value> spaces </value></field>
    <field var='b' xmlns='urn:other'><value>other</value></field></x>`);
  assert.deepEqual([...readForm(form)], [['a', [' spaces ']]]);
});

test('XEP-0004 §3.3: booleans', () => {
  assert.deepEqual(['1', 'true', '0', 'false'].map(booleanValue), [true, true, false, false]);
  for (const text of ['', 'yes', 'TRUE', ' 1']) assert.equal(booleanValue(text), undefined);
});
