import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';

/** Combining marks in reverse order (Unicode §3.11), which take quadratic time to normalize. */
const marks = (count: number) =>
  Array.from({ length: count }, (_, n) => '\u0323\u0307\u0302'[n % 3]).join('');

test('RFC 6121 §2.3.3: checks the length of a group name before normalizing it', async (t) => {
  const server = await startServer(t, { config: `modules_enabled = ["roster"]\n[hosts."capulet.lit"]` });
  const juliet = await server.client('juliet@capulet.lit/balcony');
  const item = `<item jid='romeo@montague.lit'><group>a${marks(160_000)}</group></item>`;
  const begin = process.cpuUsage();
  juliet.send(`<iq type='set' id='s'><query xmlns='jabber:iq:roster'>${item}</query></iq>`);
  const refusal = await juliet.next();
  const { user, system } = process.cpuUsage(begin);
  assert.match(`${refusal}`, /<not-acceptable/);
  assert.ok(user + system < 1_000_000, `${(user + system) / 1000} ms`);
});
