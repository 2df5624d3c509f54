// Sessions that sleep, and sessions that another process continues.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { C2SSession } from '../../../src/c2s/index.ts';
import { setRoster, settled } from '../../support/contacts.ts';
import { parseXml } from '../../support/match.ts';
import {
  BALCONY,
  CHAMBER,
  chat,
  JULIET,
  NURSE,
  ROMEO,
  SM,
  MODULES as SMACKS,
  says,
  scene,
} from '../smacks/scene.ts';
import { block, lists, push, unblock } from './scene.ts';

const MODULES = [...SMACKS, 'blocklist'];
const MONTAGUE = { kind: 'host', domain: 'montague.lit' } as const;
const TYBALT = 'tybalt@verona.lit';

test('B15: a push to a session that is asleep reaches its client when it resumes', async (t) => {
  const there = await scene(t, '', MODULES);
  const { client: chamber, id } = await there.managed(CHAMBER);
  await lists(chamber);
  await there.loses(chamber);
  const balcony = await there.test.client(BALCONY);
  await block(balcony, TYBALT);
  await settled(balcony);
  const back = await there.returning(CHAMBER, id, 1);
  await back.receives(`<resumed ${SM} previd='${id}' h='1'/>`);
  back.jid = CHAMBER;
  await back.receives(push(back, 'block', TYBALT));
  await unblock(balcony, TYBALT);
  await back.receives(push(back, 'unblock', TYBALT));
});

for (const from of [NURSE, 'romeo@montague.lit/orchard']) {
  test(`B19: a message of ${from} that a session returns after the block is kept, and not refused`, async (t) => {
    const there = await scene(t, '', MODULES);
    const { client: balcony } = await there.available(BALCONY);
    const nurse = await there.test.client(NURSE);
    const message = chat(from, JULIET, '1');
    if (from === NURSE) says(nurse, JULIET, '1');
    else there.test.server.router.route(parseXml(message), MONTAGUE);
    await nurse.receivesNothing();
    const session = await there.loses(balcony);
    const chamber = await there.test.client(CHAMBER);
    await block(chamber, from);
    session.close(new Error('not resumed in time'));
    await there.idle();
    await nurse.receivesNothing();
    const hall = await there.test.client(`${JULIET}/hall`);
    hall.send('<presence/>');
    const stored = await hall.skipUntil(({ name }) => name === 'message');
    assert.deepEqual([stored.attrs.from, stored.getChildText('body')], [from, '1']);
  });
}

test('ADR 0030: a saved session still gets pushes, and its presence has the time of the client’s own', async (t) => {
  const there = await scene(t, '', MODULES);
  const { client, id } = await there.managed(BALCONY);
  client.send('<presence/>');
  await client.receives(`<presence from='${BALCONY}' to='${JULIET}'/>`);
  await lists(client);
  await there.loses(client);
  const saved = JSON.stringify((there.session(BALCONY) as C2SSession).record());

  const next = await scene(t, '', MODULES);
  await next.clock.advance(60_000);
  await setRoster(next.test, JULIET, { 'romeo@capulet.lit': 'from' });
  const { server } = next.test;
  const host = server.router.hosts.get('capulet.lit')!;
  await host.ready('juliet');
  C2SSession.asleep(JSON.parse(saved), host, server);
  const romeo = await next.test.client(ROMEO);
  romeo.send('<presence/>');
  await romeo.receives(`<presence from='${ROMEO}' to='romeo@capulet.lit'/>`);
  const back = await next.returning(BALCONY, id, 2);
  await back.receives(`<resumed ${SM} previd='${id}' h='2'/>`);
  back.jid = BALCONY;
  await block(back, 'romeo@capulet.lit');
  await back.receives(push(back, 'block', 'romeo@capulet.lit'));
  await unblock(back);
  await back.receives(push(back, 'unblock'));
  const [, shown] = [await romeo.next(), await romeo.next()];
  const stamp = shown.getChild('delay', 'urn:xmpp:delay')?.attrs.stamp;
  assert.equal(stamp, '2026-01-01T00:00:00.000Z');
  await back.receivesNothing();
});
