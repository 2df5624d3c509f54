// `enjamb user …` as an administrator meets it: what is asked, refused and advised.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { enjamb, enjambReading, QUIET, siteFolder } from './folder.ts';

const CONFIG = `${QUIET.replace('storage = "memory"', '')}modules_enabled = []
admins = ["ann@a.example"]
[hosts."a.example"]
[hosts."b.example"]
`;
const site = (t: TestContext): string => siteFolder(t, { 'enjamb.toml': CONFIG });
const add = (folder: string, ...words: string[]) => enjamb(folder, 'user', 'add', ...words, '--generate');
const users = async (folder: string): Promise<string[]> =>
  JSON.parse((await enjamb(folder, 'user', 'list', '--json')).out).map(({ jid }: { jid: string }) => jid);

/** What is written on stderr, without the line that names the database. */
const reason = (err: string): string => err.replace(/^No server is running.*\n/m, '');

test('an account is deleted without a terminal only with --yes: wrong usage otherwise', async (t) => {
  const folder = site(t);
  await add(folder, 'romeo@a.example');
  const refused = await enjamb(folder, 'user', 'delete', 'romeo@a.example');
  assert.deepEqual(
    [refused.code, refused.out, refused.err],
    [2, '', 'enjamb: this cannot be undone: confirm it with --yes\n'],
  );
  assert.deepEqual(await users(folder), ['romeo@a.example']);
  const deleted = await enjamb(folder, 'user', 'delete', 'romeo@a.example', '--yes');
  assert.deepEqual([deleted.code, deleted.out], [0, 'romeo@a.example is deleted with all its data\n']);
  assert.deepEqual(await users(folder), []);
});

test('on a terminal, the deletion of an account needs the answer "y"', async (t) => {
  const folder = site(t);
  await add(folder, 'romeo@a.example');
  const answering = (text: string) =>
    enjambReading({ text, isTTY: true }, folder, 'user', 'delete', 'romeo@a.example');
  for (const text of ['\n', 'n\n', 'what?\n', '']) {
    const { code, out, err } = await answering(text);
    assert.deepEqual([code, out], [1, ''], text);
    assert.equal(
      err,
      'Delete romeo@a.example and all its data? [y/N] enjamb: cancelled: nothing was deleted\n',
    );
  }
  assert.deepEqual(await users(folder), ['romeo@a.example']);
  assert.equal((await answering('y\n')).code, 0);
  assert.deepEqual(await users(folder), []);
});

test('--admin says which line to write, unless the account is an administrator already', async (t) => {
  const folder = site(t);
  const { out } = await add(folder, 'Bob@a.example', '--admin');
  assert.match(out, /^bob@a\.example created\npassword: \S+\n/);
  assert.ok(
    out.endsWith(
      `To make it an administrator, set admins = ["ann@a.example", "bob@a.example"] in ${join(folder, 'enjamb.toml')}.\n` +
        'A running server reads the change on SIGHUP ("kill -HUP PID"), without a restart.\n',
    ),
    out,
  );
  assert.match(
    (await add(folder, 'Ann@a.example', '--admin')).out,
    /^ann@a\.example created\npassword: \S+\n$/,
  );
});

/** Each row: an address that cannot be used, the exit code, and what is said. */
const ADDRESSES: readonly (readonly [address: string, code: number, reason: string])[] = [
  ['ann', 2, '"ann" has no domain: write it as ann@a.example or ann@b.example'],
  ['a.example', 2, '"a.example" is a host, not an account: write it as user@a.example'],
  [
    'ann@c.example',
    1,
    'there is no host "c.example" with users; the hosts with users are: a.example, b.example',
  ],
  [
    "d'artagnan@a.example",
    2,
    `user add: jid: expected an address such as "romeo@example.org", got "d'artagnan@a.example": a name cannot contain '; the escaped form is d\\27artagnan@a.example (XEP-0106)`,
  ],
  [
    'ann@a.example/phone',
    2,
    'user add: jid: expected an address such as "romeo@example.org", got "ann@a.example/phone": leave out "/phone", which names one client: ann@a.example',
  ],
];

for (const [address, code, expected] of ADDRESSES) {
  test(`an account that cannot be added: what is wrong with ${address}`, async (t) => {
    const ended = await add(site(t), address);
    assert.deepEqual([ended.code, ended.out, reason(ended.err)], [code, '', `enjamb: ${expected}\n`]);
  });
}

test('XEP-0106 §3: an account has the escaped name that was suggested', async (t) => {
  const folder = site(t);
  assert.equal((await add(folder, 'd\\27artagnan@a.example')).code, 0);
  assert.deepEqual(await users(folder), ['d\\27artagnan@a.example']);
});

/** Each row: what is wrong with a password, the password, and what is said. */
const PASSWORDS: readonly (readonly [fault: string, password: string, reason: string])[] = [
  ['it is empty', '', 'the password is empty'],
  ['it is too long', 'x'.repeat(1025), 'the password is longer than 1024 characters'],
  ['it is too long to be read', 'x'.repeat(5000), 'the password is longer than 4096 bytes'],
  [
    'it has a control character (RFC 4013 §2.3)',
    'pen\u0007cil',
    'the password has a character that SASLprep forbids, such as a control character, or mixes left-to-right and right-to-left text',
  ],
];

for (const [fault, password, expected] of PASSWORDS) {
  test(`a password is refused with the reason: ${fault}`, async (t) => {
    const input = { text: `${password}\n` };
    const ended = await enjambReading(input, site(t), 'user', 'add', 'bob@a.example', '--password-stdin');
    assert.deepEqual([ended.code, ended.out, reason(ended.err)], [1, '', `enjamb: ${expected}\n`]);
  });
}
