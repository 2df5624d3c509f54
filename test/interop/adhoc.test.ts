// Commands of administrators in a real client.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOME, ROOMS } from './support/addresses.ts';
import { world } from './support/world.ts';

const LIMIT = { timeout: 90_000 };

test(
  "XEP-0050 §2: slixmpp finds the administrator's commands, fills in their forms and reads tables",
  LIMIT,
  async (t) => {
    const { enjamb, homeUser } = await world(t, { config: [`admins = ["romeo@${HOME}"]`] });
    const romeo = await homeUser('romeo');

    const offered = await romeo.commands(HOME);
    for (const node of ['joins', 'joins-probe', 's2s-list', 's2s-ping', 's2s-close', 'user-add'])
      assert.ok(`enjamb:${node}` in offered, `${node} among ${Object.keys(offered)}`);

    const added = await romeo.command(HOME, 'enjamb:user-add', {
      jid: `nurse@${HOME}`,
      password: 'angelica',
    });
    assert.deepEqual(added.asked, { jid: 'text-single', password: 'text-private' });
    assert.deepEqual([added.status, added.notes], ['completed', [`info: nurse@${HOME} created`]]);
    assert.ok((await enjamb.list('user', 'list')).some(({ jid }) => jid === `nurse@${HOME}`));

    const wrong = await romeo.command(HOME, 'enjamb:user-add', { jid: 'no address at all@', password: 'x' });
    assert.equal(wrong.status, 'executing', 'the form comes back');

    await romeo.join(`hall@${ROOMS}`, 'Romeo');
    const joins = await romeo.command(HOME, 'enjamb:joins');
    assert.equal(joins.status, 'completed');
    const [join, ...more] = joins.rows as Record<string, string>[];
    assert.deepEqual(
      [join?.room, join?.nick, join?.state, more.length],
      [`hall@${ROOMS}`, 'Romeo', 'joined', 0],
    );

    const probe = await romeo.command(HOME, 'enjamb:joins-probe', { domain: ROOMS });
    assert.equal(probe.status, 'completed', JSON.stringify(probe));

    const ping = await romeo.command(HOME, 'enjamb:s2s-ping', { domain: ROOMS });
    assert.match(String(ping.notes), new RegExp(`^info: ${ROOMS} answered in \\d+ ms`));
    const links = (await romeo.command(HOME, 'enjamb:s2s-list')).rows as Record<string, string>[];
    assert.ok(
      links.some(({ remote, state }) => remote === ROOMS && state === 'open'),
      JSON.stringify(links),
    );

    const juliet = await homeUser('juliet');
    assert.deepEqual(await juliet.commands(HOME), {});
    const refused = await juliet.command(HOME, 'enjamb:user-delete', { jid: `romeo@${HOME}` });
    assert.deepEqual([refused.event, refused.condition], ['command_failed', 'forbidden']);
    await enjamb.stop();
  },
);
