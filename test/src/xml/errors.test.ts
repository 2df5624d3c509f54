import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StanzaError } from '../../../src/xml/errors.ts';

test('a StanzaError has no stack trace, so that many refusals are cheap; other errors keep theirs', () => {
  const before = Error.stackTraceLimit;
  assert.equal(new StanzaError('conflict').stack, 'StanzaError: conflict');
  assert.equal(Error.stackTraceLimit, before);
  assert.match(new Error('fault').stack ?? '', /errors\.test\.ts/);
});
