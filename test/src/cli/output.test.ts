import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderResult } from '../../../src/cli/output.ts';

test('rows become a table with aligned columns, in the order asked for', () => {
  const rows = [
    { jid: 'romeo@example.org', enabled: true, since: undefined },
    { jid: 'ann@example.org', enabled: false, since: '2026' },
  ];
  assert.equal(
    renderResult({ rows, columns: ['jid', 'since', 'enabled'] }, false),
    'JID                SINCE  ENABLED\nromeo@example.org  -      yes\nann@example.org    2026   no\n',
  );
});

test('an empty table says so, and stays a list for programs', () => {
  assert.equal(renderResult({ rows: [] }, false), 'none\n');
  assert.equal(renderResult({ rows: [] }, true), '[]\n');
});

test('what a peer wrote cannot steer the terminal', () => {
  const shown = renderResult({ rows: [{ error: '\u001b[2Jgone\nx' }], text: 'a\u0007b\nc' }, false);
  assert.doesNotMatch(shown.replaceAll('\n', ''), /[\u0000-\u001f]/);
  assert.equal(shown.split('\n').length, 5);
});

test('programs get the data if there is more of it than rows, else the sentence', () => {
  assert.deepEqual(JSON.parse(renderResult({ rows: [], data: { closed: 2 }, text: 'x' }, true)), {
    closed: 2,
  });
  assert.deepEqual(JSON.parse(renderResult({ text: 'done' }, true)), { text: 'done' });
});
