import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inWords } from '../../../src/util/file-failure.ts';

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: as the system says it`), { code });
}

test('a denied file is told with what to do, and an unknown failure in the words of the system', () => {
  for (const code of ['EACCES', 'EPERM'])
    assert.match(inWords(systemError(code)), /no permission; make the user that runs the server the owner/);
  assert.equal(inWords(systemError('EROFS')), 'the file system is mounted read-only');
  assert.equal(inWords(systemError('ELOOP')), 'ELOOP: as the system says it');
});
