import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertXml } from '../support/match.ts';
import { startServer } from '../support/server.ts';

const PLUGINS = join(import.meta.dirname, 'plugins');
const FRAMES = join(import.meta.dirname, '../support/frames.ts');

function importsOf(path: string): (string | undefined)[] {
  const text = readFileSync(path, 'utf8');
  return [...text.matchAll(/from '([^']+)'/g)].map(([, from]) => from);
}

test('a module that imports the three doors and nothing else does all of its work', async (t) => {
  assert.deepEqual(importsOf(join(PLUGINS, 'doors.ts')), ['enjamb/api', 'enjamb/api/stream', 'enjamb/xep']);
  const config = `[hosts."localhost"]\nmodules_enabled = ["doors"]`;
  const server = await startServer(t, { config, plugins: PLUGINS });
  const romeo = await server.client('romeo@localhost/orchard');
  romeo.send(`<echo xmlns='urn:example:doors'/>`);
  assertXml(await romeo.next(), `<echo xmlns='urn:example:doors'/>`);
  for (const sent of [0, 1]) {
    romeo.send(`<iq type='get' id='${sent}' to='localhost'><query xmlns='urn:example:doors'/></iq>`);
    assertXml(
      await romeo.next(),
      `<iq type='result' id='${sent}' from='localhost' to='${romeo.jid}'><x xmlns='jabber:x:data' type='result'>
         <field var='sent' type='text-single'><value>${sent}</value></field></x></iq>`,
    );
  }
});

test('a framing for a transport of frames needs the doors alone', () => {
  // The suites of streams and of clients run on it: test/src/stream/framed.test.ts, test/src/c2s/framed.test.ts.
  assert.deepEqual(importsOf(FRAMES), ['enjamb/api', 'enjamb/api/stream']);
});
