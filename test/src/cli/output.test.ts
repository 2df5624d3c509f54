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

test('an empty table is a sentence for people and an empty list for programs', () => {
  assert.equal(renderResult({ rows: [] }, false), 'none\n');
  assert.equal(renderResult({ rows: [] }, true), '[]\n');
});

test('text of a peer cannot control the terminal', () => {
  const shown = renderResult({ rows: [{ error: '\u001b[2Jgone\nx' }], text: 'a\u0007b\nc' }, false);
  assert.doesNotMatch(shown.replaceAll('\n', ''), /[\u0000-\u001f]/);
  assert.equal(shown.split('\n').length, 5);
});

test('programs get the data, or the sentence if there are none', () => {
  assert.deepEqual(JSON.parse(renderResult({ rows: [], data: { closed: 2 }, text: 'x' }, true)), {
    closed: 2,
  });
  assert.deepEqual(JSON.parse(renderResult({ text: 'done' }, true)), { text: 'done' });
});

test('a table is at most 100 columns wide: longer values follow below their row', () => {
  const rows = [
    {
      local: 'montague.example',
      remote: 'conference.capulet.example',
      state: 'closed',
      since: '2026-11-28T22:00:00.000Z',
      secured: undefined,
      error: `none of its addresses could be reached: ${'192.0.2.1:5269 (connection refused), '.repeat(5)}and no more`,
      next_try: '2026-11-28T22:05:00.000Z',
    },
    { local: 'montague.example', remote: 'verona.example', state: 'open', secured: 'TLSv1.3', next_try: '' },
  ];
  const columns = ['local', 'remote', 'state', 'since', 'secured', 'error', 'next_try'];
  const shown = renderResult({ rows, columns }, false);
  assert.equal(
    shown,
    [
      'LOCAL             REMOTE                      STATE   SINCE                     SECURED',
      'montague.example  conference.capulet.example  closed  2026-11-28T22:00:00.000Z  -',
      '    error: none of its addresses could be reached: 192.0.2.1:5269 (connection refused),',
      '        192.0.2.1:5269 (connection refused), 192.0.2.1:5269 (connection refused), 192.0.2.1:5269',
      '        (connection refused), 192.0.2.1:5269 (connection refused), and no more',
      '    next try: 2026-11-28T22:05:00.000Z',
      'montague.example  verona.example              open    -                         TLSv1.3',
      '',
    ].join('\n'),
  );
  assert.ok(shown.split('\n').every((line) => line.length <= 100));
  assert.deepEqual(JSON.parse(renderResult({ rows: [rows[0]!], columns }, true))[0].error, rows[0]!.error);
});

test('an empty listing names its filter', () => {
  assert.equal(renderResult({ rows: [] }, false, 'no join matches ann'), 'no join matches ann\n');
});
