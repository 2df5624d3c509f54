// Nobody learns from a login whether there is such an account: the same is said for all of them, as late, and as often.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { deriveKeys } from '../../../src/sasl/scram.ts';
import { ScramClient } from '../sasl/scram-client.ts';
import { base64, type Client, type Harness, plain, startHarness } from './harness.ts';

/** Accounts that differ in everything that must not show, and two names without one. */
const NAMES = ['juliet', 'tybalt', 'nurse', 'paris', 'a@b'];

/** Tybalt may not log in; the others are like Juliet, or do not exist. */
async function start(t: TestContext): Promise<Harness> {
  const harness = await startHarness(t);
  await harness.host.createUser('tybalt', 'king of cats');
  await harness.host.accounts.setEnabled('tybalt', false);
  return harness;
}

/** All that comes in answer to a wrong password, with what is random replaced, and how long it took. */
async function transcript(harness: Harness, mechanism: string, name: string): Promise<string> {
  const client = harness.connect();
  await client.open();
  const hash = mechanism === 'SCRAM-SHA-1' ? 'sha1' : 'sha256';
  const scram = new ScramClient({ hash, username: name, password: 'guess' });
  client.auth(mechanism, mechanism === 'PLAIN' ? plain(name, 'guess') : base64(scram.first()));
  const lines: string[] = [];
  if (mechanism !== 'PLAIN') {
    const challenge = /<challenge [^>]*>([^<]*)</.exec(await client.reads('</challenge>'))?.[1] ?? '';
    const text = Buffer.from(challenge, 'base64');
    const fields = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(`${text}`) ?? [];
    lines.push(`nonce ${fields[1]?.length} salt ${fields[2]?.length} iterations ${fields[3]}`);
    const final = base64(scram.final(text));
    client.send(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${final}</response>`);
  }
  lines.push(await refusal(harness, client));
  client.peer.drop();
  return lines.join('\n');
}

async function refusal({ clock }: Harness, client: Client): Promise<string> {
  const reading = client.reads('</failure>');
  let answer: string | undefined;
  reading.then(
    (text) => {
      answer = text;
    },
    () => {},
  );
  let waitedMs = 0;
  while (clock.pending < 2) await new Promise((resolve) => setImmediate(resolve)); // The work takes real time.
  for (; answer === undefined && waitedMs < 2_000; waitedMs += 50) await clock.advance(50);
  return `${await reading} after ${waitedMs} ms`;
}

for (const mechanism of ['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256']) {
  test(`RFC 5802 §9, RFC 6120 §6.5.10: ${mechanism} tells nothing of whose accounts there are`, async (t) => {
    const harness = await start(t);
    const first = await transcript(harness, mechanism, NAMES[0]!);
    assert.match(first, /<not-authorized\/><\/failure> after 500 ms$/);
    for (const name of NAMES) assert.equal(await transcript(harness, mechanism, name), first, name);
  });
}

test('RFC 5802 §9: on a host of imported accounts only, nobody stands out by a count of iterations', async (t) => {
  const harness = await startHarness(t);
  const stored = harness.host.stores.keyval('accounts');
  const salt = Buffer.alloc(24, 1);
  for (const user of ['juliet', 'paris']) {
    const keys = {
      sha1: await deriveKeys('x', { hash: 'sha1', iterations: 4096, salt }),
      sha256: await deriveKeys('x', { hash: 'sha256', iterations: 4096, salt }),
    };
    await stored.set(user, { enabled: true, createdAt: 0, keys });
  }
  for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256']) {
    const known = await transcript(harness, mechanism, 'paris');
    assert.match(known, /^nonce \d+ salt 32 iterations 4096\n/);
    assert.equal(await transcript(harness, mechanism, 'nobody'), known);
  }
});
