// Real servers: while the link is down, a room's owner decides that a client may not enter any more.

import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Element, NS } from '../../../src/xml/index.ts';
import { temporaryFolder } from '../../support/clean-up.ts';
import type { Kind } from '../matrix/service.ts';
import { HOME, ROOMS } from '../support/addresses.ts';
import { isNotice, statusCodes } from '../support/room.ts';
import { until, untilTime } from '../support/waiting.ts';
import type { RoomClient, Shape } from './support/room-clients.ts';
import { PATIENCE_MS, type SilentScene, silentScene } from './support/silent.ts';

const LIMIT = { timeout: 240_000 };
const VENUE = `venue@${ROOMS}`;
/** Much longer than a room takes for an answer. */
const QUIET_MS = 3_000;

interface Case {
  /** Of the room. */
  readonly name: string;
  readonly config?: Readonly<Record<string, string>>;
  /** What the owner sends. */
  readonly decides: Shape;
  /** What the client's own join gets. */
  readonly truth: string;
}

/** Prosody says of a destroyed room that it is gone, and not that it does not exist. */
function joinsExpected(kind: Kind, name: string): number {
  return kind === 'ejabberd' && name === 'destroyed' ? 0 : 1;
}

const item = (affiliation: string): Shape => [
  'query',
  { xmlns: NS.MUC_ADMIN },
  [['item', { affiliation, jid: `romeo@${HOME}` }]],
];

const field = (name: string, value: string): Shape => ['field', { var: name }, [['value', {}, [value]]]];

const configuration = (fields: Readonly<Record<string, string>>): Shape => {
  const all = Object.entries({ FORM_TYPE: 'http://jabber.org/protocol/muc#roomconfig', ...fields });
  const form: Shape = [
    'x',
    { xmlns: NS.DATA_FORMS, type: 'submit' },
    all.map(([name, value]) => field(name, value)),
  ];
  return ['query', { xmlns: NS.MUC_OWNER }, [form]];
};

const CASES: readonly Case[] = [
  { name: 'banned', decides: item('outcast'), truth: 'forbidden' },
  {
    name: 'unlisted',
    // In a moderated room ejabberd would remember the role, and let the former member in.
    config: { 'muc#roomconfig_membersonly': '1', 'muc#roomconfig_moderatedroom': '0' },
    decides: item('none'),
    truth: 'registration-required',
  },
  {
    name: 'secret',
    decides: configuration({
      'muc#roomconfig_passwordprotectedroom': '1',
      'muc#roomconfig_roomsecret': 'new',
    }),
    truth: 'not-authorized',
  },
  {
    name: 'destroyed',
    decides: ['query', { xmlns: NS.MUC_OWNER }, [['destroy', { jid: VENUE }]]],
    truth: '',
  },
];
const CAPTCHA: Case = {
  name: 'captcha',
  decides: configuration({ captcha_protected: '1' }),
  truth: 'captcha',
};

for (const kind of ['Prosody', 'ejabberd'] as const) {
  test(
    `${kind} lets a client in no more: one notice for each room, no error, no join elsewhere`,
    LIMIT,
    async (t) => {
      const scene = await silentScene(t, kind, {
        proxies: true,
        config: ['ping_muc_fast = true'],
        ejabberdConfig: await captchas(t),
      });
      const { there, service } = scene;
      const cases = kind === 'ejabberd' ? [...CASES, CAPTCHA] : CASES;
      const rooms = cases.map(({ name }) => `${name}@${ROOMS}`);
      const [juliet] = (await scene.awayClients('juliet')) as [RoomClient];
      const [romeo] = (await scene.homeClients('romeo')) as [RoomClient];
      for (const { name, config } of cases) {
        const room = `${name}@${ROOMS}`;
        await juliet.create(room, { 'muc#roomconfig_persistentroom': '1', ...config });
        if (config) await orders(juliet, room, item('member'));
        await romeo.join(room);
      }
      await scene.known(rooms);

      const lines = [there.toProsody, there.toEnjamb];
      for (const line of lines) line.state = 'refuse';
      await service.kill9();
      const [killedAt, since] = [Date.now(), romeo.stanzas.length];
      await service.start();
      await juliet.login();
      for (const { name, decides } of cases) await orders(juliet, `${name}@${ROOMS}`, decides);
      for (const line of lines) line.state = 'forward';

      const notices = () => romeo.stanzas.slice(since).filter(({ element }) => isNotice(element));
      await until('all notices', () => (notices().length >= rooms.length ? true : undefined), PATIENCE_MS);
      await untilTime(Date.now() + QUIET_MS);
      const told = notices().map(({ element }) => element.attrs.from?.replace(/\/.*/, ''));
      assert.deepEqual(told.sort(), rooms.toSorted());
      const others = romeo.stanzas.slice(since).filter(({ element }) => !isNotice(element));
      assert.deepEqual(
        others.map(({ element }) => `${element}`),
        [],
      );
      for (const { name } of cases)
        assert.equal(await joinsTo(scene, `${name}@${ROOMS}`, killedAt), joinsExpected(kind, name), name);
      assert.equal(await joinsTo(scene, VENUE, killedAt), 0);

      for (const { name, truth } of cases.filter((one) => one.truth !== ''))
        await hearsTruth(romeo, `${name}@${ROOMS}`, truth);
      await there.enjamb.stop();
    },
  );
}

/** The owner changes a room, which says that it has. */
async function orders(owner: RoomClient, room: string, query: Shape): Promise<void> {
  const id = `order ${owner.stanzas.length} ${room}`;
  owner.send('iq', { type: 'set', id, to: room }, [query]);
  const answer = await owner.stanza(id, ({ attrs }) => attrs.id === id);
  assert.equal(answer.attrs.type, 'result', `${answer}`);
}

async function joinsTo(scene: SilentScene, room: string, since: number): Promise<number> {
  const { joins } = await scene.asked(since);
  return joins.filter(({ element }) => element.attrs.to?.startsWith(`${room}/`)).length;
}

/** The client's own join gets the room's answer as it is. */
async function hearsTruth(client: RoomClient, room: string, truth: string): Promise<void> {
  const since = client.stanzas.length;
  client.send('presence', { to: `${room}/${client.nick}` }, [['x', { xmlns: NS.MUC }]]);
  const isTruth = (element: Element) =>
    element.attrs.from?.startsWith(room) === true &&
    (truth === 'captcha'
      ? element.getChild('captcha', 'urn:xmpp:captcha') !== undefined
      : element.getChild('error')?.getChild(truth, NS.STANZAS) !== undefined);
  await client.stanza(`${truth} of ${room}`, isTruth, since);
  const own = client.from(room, since).filter((it) => statusCodes(it).includes('110'));
  assert.deepEqual(own, []);
}

/** ejabberd starts this program for each image. The smallest PNG does. */
async function captchas(t: Parameters<typeof temporaryFolder>[0]): Promise<string[]> {
  const png =
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
  const program = join(await temporaryFolder(t), 'captcha.sh');
  await writeFile(program, `#!/bin/sh\necho ${png} | base64 -d\n`);
  await chmod(program, 0o755);
  return [`captcha_cmd: "${program}"`, 'captcha_url: "http://localhost:15281/captcha"'];
}
