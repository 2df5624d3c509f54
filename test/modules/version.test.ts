import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';

const CONFIG = `modules_enabled = ["version", "disco"]\n[hosts."capulet.lit"]`;

test('XEP-0092 §3, §4: the server returns its name and version, but no operating system', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const juliet = await server.client('juliet@capulet.lit/balcony');
  juliet.send(`<iq type='get' id='v' to='capulet.lit'><query xmlns='jabber:iq:version'/></iq>`);
  await juliet.receives(`<iq type='result' from='capulet.lit' to='juliet@capulet.lit/balcony'>
    <query xmlns='jabber:iq:version'><name>enjamb</name><version>${version}</version></query></iq>`);
});

test('XEP-0092 §3: the server announces the feature', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const features = server.server.router.hosts.get('capulet.lit')!.items.get('disco-feature');
  assert.ok(features.includes('jabber:iq:version'));
});
