import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';

const CONFIG = `modules_enabled = ["time"]\n[hosts."capulet.lit"]`;

test('XEP-0202 §2: the server returns its time, in UTC', async (t) => {
  const now = Date.parse('2006-12-19T17:58:35.000Z');
  const clock = { now: () => now, elapsed: () => now, after: () => ({ cancel() {} }) };
  const server = await startServer(t, { config: CONFIG, clock });
  const juliet = await server.client('juliet@capulet.lit/balcony');
  juliet.send(`<iq type='get' id='t' to='capulet.lit'><time xmlns='urn:xmpp:time'/></iq>`);
  await juliet.receives(`<iq type='result' from='capulet.lit' to='juliet@capulet.lit/balcony'>
    <time xmlns='urn:xmpp:time'><tzo>+00:00</tzo><utc>2006-12-19T17:58:35.000Z</utc></time></iq>`);
});

test('XEP-0202 §4: the server announces the feature', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const features = server.server.router.hosts.get('capulet.lit')!.items.get('disco-feature');
  assert.ok(features.includes('urn:xmpp:time'));
});
