// A client that sleeps (XEP-0198) while its room is lost: outside the room no message would wake it up,
// so the server joins immediately on its behalf.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from '../../support/clean-up.ts';
import { BETWEEN, ENJAMB, HOME, ROOMS } from '../support/addresses.ts';
import { Line } from '../support/line.ts';
import { isNotice, statusCodes } from '../support/room.ts';
import { until, untilTime } from '../support/waiting.ts';
import { homeLogin, PASSWORD, world } from '../support/world.ts';
import { ResumingClient } from '../support-smacks/resuming-client.ts';

const ROOM = `orchard@${ROOMS}`;
const ROMEO = `romeo@${HOME}/orchard`;
const CONFIG = ['ping_muc_delay = 2', 'muc_autorejoin = "assisted"'];
const NOTICE_MS = 20_000;
const CONFIRMED_MS = 3_000;
/** Much less than the half minute in which connected clients may act. */
const AT_ONCE_MS = 15_000;

test('a sleeping client is joined again immediately, and finds the room in use when it wakes up', {
  timeout: 90_000,
}, async (t) => {
  const there = await world(t, { config: CONFIG });
  const speaker = await there.homeUser('speaker');
  await speaker.join(ROOM, 'Speaker');
  await there.enjamb.addUser(`romeo@${HOME}`, PASSWORD);
  const line = await Line.start(t, { address: ENJAMB.address, port: ENJAMB.c2s });
  const romeo = new ResumingClient(t, {
    folder: await temporaryFolder(t),
    caPath: there.caPath,
    name: 'romeo',
  });
  await romeo.login({ ...homeLogin('romeo'), host: BETWEEN, port: line.port });
  await romeo.join(ROOM, 'Romeo');

  // When a link breaks, unacknowledged stanzas are sent again, also the join.
  await untilTime(Date.now() + CONFIRMED_MS);
  line.state = 'refuse';
  line.cut('reset');
  await there.enjamb.logged(({ msg }) => msg === 'client asleep', NOTICE_MS);
  const since = speaker.stanzas.length;
  await there.prosody.kill9();
  await there.prosody.start();
  await speaker.stanza('the notice', isNotice, { since, limitMs: NOTICE_MS });
  await speaker.join(ROOM, 'Speaker');
  const isBack = async () => ((await there.prosody.occupants(ROOM))?.includes(ROMEO) ? true : undefined);
  await until('Romeo in the room, asleep', isBack, AT_ONCE_MS);
  assert.equal(romeo.count('resumed'), 0);
  speaker.send(ROOM, 'sleep dwell upon thine eyes', 'groupchat');
  await speaker.stanza('her own words', (it) => it.getChildText('body') === 'sleep dwell upon thine eyes');

  line.state = 'forward';
  await romeo.reported('resumed');
  romeo.send(ROOM, 'what light is it?', 'groupchat');
  await speaker.stanza('Romeo in the room', (it) => it.getChildText('body') === 'what light is it?');
  const heard = () => (romeo.texts(`${ROOM}/Romeo`).length > 0 ? true : undefined);
  await until('his own words', heard, NOTICE_MS);
  assert.deepEqual(romeo.texts(`${ROOM}/Speaker`), ['sleep dwell upon thine eyes']);
  assert.deepEqual(ownPresences(romeo), ['joined', 'told', 'joined']);
  assert.equal(romeo.count('session'), 1, 'the session began once');
  await there.enjamb.stop();
});

/** The client's own presence from the room, in order. */
function ownPresences(client: ResumingClient): string[] {
  const own = client.stanzas.filter((it) => it.is('presence') && statusCodes(it).includes('110'));
  return own.map((it) => (isNotice(it) ? 'told' : it.attrs.type === undefined ? 'joined' : 'left'));
}
