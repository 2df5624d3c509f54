// Silent rejoin where a killed server has forgotten the room itself: temporary rooms as both servers make them by default.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NS } from '../../../src/xml/index.ts';
import type { Kind } from '../matrix/service.ts';
import { ROOMS } from '../support/addresses.ts';
import { isNotice } from '../support/room.ts';
import { until } from '../support/waiting.ts';
import type { RoomClient } from './support/room-clients.ts';
import {
  allTalk,
  areIn,
  assertUnbroken,
  LIMIT,
  PATIENCE_MS,
  type SilentScene,
  silentScene,
} from './support/silent.ts';

const [DEFAULT, OPEN, STRICT, CLOSED] = ['garden', 'square', 'court', 'tomb'].map(
  (name) => `${name}@${ROOMS}`,
) as [string, string, string, string];
/** Others than the defaults: the room has to be put right before it is unlocked. */
const STRICTER = {
  Prosody: { 'muc#roomconfig_moderatedroom': '1' },
  ejabberd: { 'muc#roomconfig_publicroom': '0' },
} as const;
const FEATURES = {
  Prosody: {
    [DEFAULT]: ['muc_hidden', 'muc_unmoderated'],
    [OPEN]: ['muc_hidden', 'muc_unmoderated'],
    [STRICT]: ['muc_hidden', 'muc_moderated'],
  },
  ejabberd: {
    [DEFAULT]: ['muc_public', 'muc_moderated'],
    [OPEN]: ['muc_public', 'muc_unmoderated'],
    [STRICT]: ['muc_hidden', 'muc_moderated'],
  },
} as const;

for (const kind of ['Prosody', 'ejabberd'] as const) {
  test(
    `${kind} has lost temporary rooms: made anew as they were, but not the members-only one`,
    LIMIT,
    async (t) => {
      const scene = await silentScene(t, kind, {
        roomConfig: ['muc_room_locking = true'], // Its default.
        config: ['ping_muc_fast = true'], // Notices do not wait for the delay.
      });
      const { there, service } = scene;
      const [romeo, benvolio, paris] = (await scene.homeClients('romeo', 'benvolio', 'paris')) as [
        RoomClient,
        RoomClient,
        RoomClient,
      ];
      await romeo.create(DEFAULT);
      await romeo.create(OPEN, { 'muc#roomconfig_publicroom': '1', 'muc#roomconfig_moderatedroom': '0' });
      await romeo.create(STRICT, STRICTER[kind]);
      for (const room of [DEFAULT, OPEN, STRICT]) await benvolio.join(room);
      await paris.create(CLOSED, { 'muc#roomconfig_membersonly': '1' });
      await scene.known([DEFAULT, OPEN, STRICT, CLOSED]);
      const ours = [benvolio, romeo];
      await allTalk(DEFAULT, ours, 'before');
      const since = ours.map(({ stanzas }) => stanzas.length);

      await service.kill9();
      const killedAt = Date.now();
      await service.start();
      for (const room of [DEFAULT, OPEN, STRICT]) await areIn(service, room, ours);
      for (const room of [DEFAULT, OPEN]) {
        const texts = await allTalk(room, ours, 'afterwards');
        for (const [i, each] of ours.entries()) {
          assertUnbroken(each, since[i]!);
          assert.deepEqual(each.texts(room, since[i]), texts);
          assert.deepEqual(standings(each, room), { benvolio: 'none', romeo: 'owner' }, each.jid);
        }
      }
      for (const room of [DEFAULT, OPEN, STRICT]) {
        const features = await featuresOf(romeo, room);
        for (const feature of FEATURES[kind][room as typeof DEFAULT] ?? [])
          assert.ok(features.includes(feature), `${room}: ${feature} in ${features}`);
        assert.equal(await joinsTo(scene, room, killedAt), ours.length);
      }
      await paris.stanza('the notice', isNotice);
      assert.equal(await service.occupants(CLOSED), undefined);
      assert.equal(await joinsTo(scene, CLOSED, killedAt), 0);
      await there.enjamb.stop();
    },
  );

  test(
    `${kind}: in a moderated room that is made anew, others may do what the service lets newcomers do`,
    LIMIT,
    async (t) => {
      const scene = await silentScene(t, kind, { roomConfig: ['muc_room_locking = true'] });
      const [romeo, benvolio] = (await scene.homeClients('romeo', 'benvolio')) as [RoomClient, RoomClient];
      await romeo.create(DEFAULT, { 'muc#roomconfig_moderatedroom': '1' });
      await benvolio.join(DEFAULT);
      romeo.send('iq', { type: 'set', id: 'voice', to: DEFAULT }, [
        ['query', { xmlns: NS.MUC_ADMIN }, [['item', { nick: 'benvolio', role: 'participant' }]]],
      ]);
      await until('voice', () => (roleOf(benvolio) === 'participant' ? true : undefined), PATIENCE_MS);
      await scene.known([DEFAULT]);
      const since = benvolio.stanzas.length;

      await scene.service.kill9();
      await scene.service.start();
      await areIn(scene.service, DEFAULT, [romeo, benvolio]);
      const role = defaultRole(kind);
      await until(`the role ${role}`, () => (roleOf(benvolio) === role ? true : undefined), PATIENCE_MS);
      assertUnbroken(benvolio, since);
      await scene.there.enjamb.stop();
    },
  );
}

/** ejabberd lets newcomers speak in moderated rooms (`members_by_default`). */
function defaultRole(kind: Kind): string {
  return kind === 'ejabberd' ? 'participant' : 'visitor';
}

async function joinsTo(scene: SilentScene, room: string, since: number): Promise<number> {
  const { joins } = await scene.asked(since);
  return joins.filter(({ element }) => element.attrs.to?.startsWith(`${room}/`)).length;
}

async function featuresOf(client: RoomClient, room: string): Promise<string[]> {
  const id = `features of ${room}`;
  client.send('iq', { type: 'get', id, to: room }, [['query', { xmlns: NS.DISCO_INFO }]]);
  const answer = await client.stanza(id, ({ attrs }) => attrs.id === id);
  const features = answer.getChild('query', NS.DISCO_INFO)?.getChildren('feature') ?? [];
  return features.map(({ attrs }) => attrs.var ?? '');
}

/** What a client was shown last of itself. */
function roleOf(client: RoomClient): string | undefined {
  const own = client
    .from(DEFAULT)
    .filter((it) => it.is('presence') && it.attrs.from === `${DEFAULT}/${client.nick}`);
  return itemIn(own.at(-1))?.attrs.role;
}

/** The affiliations that a client was shown last, by nick. */
function standings(client: RoomClient, room: string): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const it of client.from(room)) {
    const nick = it.attrs.from?.slice(room.length + 1) ?? '';
    if (it.name !== 'presence' || nick === '') continue;
    if (it.attrs.type === 'unavailable') delete shown[nick];
    else shown[nick] = itemIn(it)?.attrs.affiliation ?? '';
  }
  return shown;
}

function itemIn(presence: ReturnType<RoomClient['from']>[number] | undefined) {
  return presence?.elements().flatMap((x) => x.getChildren('item'))[0];
}
