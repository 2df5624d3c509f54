// Private groups that change while they have lost a client, with real servers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NS } from '../../../src/xml/index.ts';
import { AWAY, HALLS, HOME, ROOMS } from '../support/addresses.ts';
import { statusCodes } from '../support/room.ts';
import { untilTime } from '../support/waiting.ts';
import type { RoomClient } from './support/room-clients.ts';
import { allTalk, areIn, assertUnbroken, LIMIT, silentScene } from './support/silent.ts';

const GROUP = {
  'muc#roomconfig_membersonly': '1',
  'muc#roomconfig_whois': 'anyone',
  'muc#roomconfig_persistentroom': '1',
};
/** After which a killed ejabberd knows the room. */
const WRITTEN_MS = 3_000;

for (const [kind, room] of [
  ['Prosody', `capulets@${HALLS}`],
  ['ejabberd', `capulets@${ROOMS}`],
] as const) {
  test(
    `${kind}: a member is added, one is removed, the group gets a name: told before the first missed message`,
    LIMIT,
    async (t) => {
      const scene = await silentScene(t, kind, { proxies: true });
      const { there, service } = scene;
      const [juliet] = (await scene.awayClients('juliet')) as [RoomClient];
      const [romeo] = (await scene.homeClients('romeo')) as [RoomClient];
      await juliet.create(room, GROUP);
      for (const jid of [`romeo@${HOME}`, `paris@${AWAY}`]) await affiliate(juliet, room, jid, 'member');
      await romeo.join(room);
      for (const list of ['owner', 'admin', 'member']) await read(romeo, room, list);
      await scene.known([room]);
      if (kind === 'Prosody') await scene.prosody.saveRoom(room);
      await allTalk(room, [juliet, romeo], 'before');
      await untilTime(Date.now() + WRITTEN_MS);
      const [since, diedAt] = [romeo.stanzas.length, Date.now()];

      there.toProsody.state = 'refuse';
      await service.kill9();
      await service.start();
      await juliet.login();
      await juliet.join(room);
      await affiliate(juliet, room, `paris@${AWAY}`, 'none');
      await affiliate(juliet, room, `tybalt@${AWAY}`, 'member');
      await configure(juliet, room, { ...GROUP, 'muc#roomconfig_roomname': 'Capulets' });
      juliet.say(room, 'meanwhile');
      await juliet.hears(room, 'meanwhile');
      there.toProsody.state = 'forward';

      await areIn(service, room, [romeo]);
      await romeo.hears(room, 'meanwhile');
      assert.deepEqual(messages(romeo, room, since), [
        `tybalt@${AWAY} member`,
        `paris@${AWAY} none`,
        '104',
        'meanwhile',
      ]);
      await allTalk(room, [juliet, romeo], 'afterwards');
      assertUnbroken(romeo, since);
      const { joins, facts } = await scene.asked(diedAt);
      assert.equal(joins.length, 1);
      assert.equal(facts.length, 1);
      await there.enjamb.stop();
    },
  );
}

async function affiliate(by: RoomClient, room: string, jid: string, affiliation: string): Promise<void> {
  await request(by, room, 'set', ['query', { xmlns: NS.MUC_ADMIN }, [['item', { affiliation, jid }]]]);
}

async function read(by: RoomClient, room: string, affiliation: string): Promise<void> {
  await request(by, room, 'get', ['query', { xmlns: NS.MUC_ADMIN }, [['item', { affiliation }]]]);
}

async function configure(
  by: RoomClient,
  room: string,
  fields: Readonly<Record<string, string>>,
): Promise<void> {
  const all = Object.entries({ FORM_TYPE: 'http://jabber.org/protocol/muc#roomconfig', ...fields });
  const shapes = all.map(([name, value]): Shape => ['field', { var: name }, [['value', {}, [value]]]]);
  const form: Shape = ['x', { xmlns: NS.DATA_FORMS, type: 'submit' }, shapes];
  await request(by, room, 'set', ['query', { xmlns: NS.MUC_OWNER }, [form]]);
}

type Shape = Parameters<RoomClient['send']>;
let requests = 0;

async function request(by: RoomClient, room: string, type: 'get' | 'set', payload: Shape): Promise<void> {
  const id = `request ${++requests}`;
  by.send('iq', { type, id, to: room }, [payload]);
  const answer = await by.stanza(id, ({ attrs }) => attrs.id === id);
  assert.equal(answer.attrs.type, 'result', `${answer}`);
}

/** What the client has got from the room: items, status codes, texts. */
function messages(client: RoomClient, room: string, since: number): string[] {
  const all = client.from(room, since).filter((it) => it.is('message') && !it.getChild('subject'));
  return all.map((it) => {
    const item = it.getChild('x', NS.MUC_USER)?.getChild('item')?.attrs;
    return it.getChildText('body') ?? (item ? `${item.jid} ${item.affiliation}` : statusCodes(it).join(' '));
  });
}
