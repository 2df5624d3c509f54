// Silent rejoin where a killed server has forgotten the room itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROOMS } from '../support/addresses.ts';
import { isNotice } from '../support/room.ts';
import type { RoomClient } from './support/room-clients.ts';
import { allTalk, areIn, assertUnbroken, LIMIT, silentScene } from './support/silent.ts';

const PUBLIC = `garden@${ROOMS}`;
const CLOSED = `tomb@${ROOMS}`;

for (const kind of ['Prosody', 'ejabberd'] as const) {
  test(
    `${kind} has lost temporary rooms: the public one is made anew, the members-only one is not`,
    LIMIT,
    async (t) => {
      const scene = await silentScene(t, kind, {
        roomConfig: ['muc_room_locking = true'],
        config: ['ping_muc_fast = true'], // Notices do not wait for the delay.
      });
      const { there, service } = scene;
      const [romeo, benvolio, paris] = (await scene.homeClients('romeo', 'benvolio', 'paris')) as [
        RoomClient,
        RoomClient,
        RoomClient,
      ];
      // Neither server makes rooms without restrictions by default: Prosody hides them, ejabberd moderates them.
      await romeo.create(PUBLIC, { 'muc#roomconfig_publicroom': '1', 'muc#roomconfig_moderatedroom': '0' });
      await benvolio.join(PUBLIC);
      await paris.create(CLOSED, { 'muc#roomconfig_membersonly': '1' });
      await scene.known([PUBLIC, CLOSED]);
      const ours = [benvolio, romeo];
      await allTalk(PUBLIC, ours, 'before');
      const since = ours.map(({ stanzas }) => stanzas.length);

      await service.kill9();
      await service.start();
      await areIn(service, PUBLIC, ours);
      const texts = await allTalk(PUBLIC, ours, 'afterwards');
      for (const [i, each] of ours.entries()) {
        assertUnbroken(each, since[i]!);
        assert.deepEqual(each.texts(PUBLIC, since[i]), texts);
        assert.deepEqual(standings(each), { benvolio: 'none', romeo: 'owner' }, each.jid);
      }
      await paris.stanza('the notice', isNotice);
      assert.equal(await service.occupants(CLOSED), undefined);
      await there.enjamb.stop();
    },
  );
}

/** The affiliations that a client was shown last, by nick. */
function standings(client: RoomClient): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const it of client.from(PUBLIC)) {
    const nick = it.attrs.from?.slice(PUBLIC.length + 1) ?? '';
    if (it.name !== 'presence' || nick === '') continue;
    const item = it.elements().flatMap((x) => x.getChildren('item'))[0];
    if (it.attrs.type === 'unavailable') delete shown[nick];
    else shown[nick] = item?.attrs.affiliation ?? '';
  }
  return shown;
}
