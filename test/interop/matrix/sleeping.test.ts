// Row 38 of the fault matrix: the client sleeps (XEP-0198) while the room loses it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BETWEEN, ENJAMB, HOME, ROOMS } from '../support/addresses.ts';
import { Line } from '../support/line.ts';
import { DELAY_MS, fullJid, isNotice, PATIENT, WINDOW_MS } from '../support/room.ts';
import { until, untilTime } from '../support/waiting.ts';
import { homeLogin, PASSWORD } from '../support/world.ts';
import { ResumingClient } from '../support-smacks/resuming-client.ts';
import { selfPings } from './pings.ts';
import { type Kind, scene } from './service.ts';

const KINDS: readonly Kind[] = ['Prosody', 'ejabberd'];
const ROOM = `balcony@${ROOMS}`;
const ROMEO = fullJid('romeo');
const CONFIG = [`ping_muc_delay = ${DELAY_MS / 1000}`, 'muc_autorejoin = false', PATIENT];

for (const kind of KINDS) {
  test(`row 38, ${kind}: a sleeping client gets the notice when it wakes up`, {
    timeout: 90_000,
  }, async (t) => {
    const { there, service } = await scene(t, kind, { config: CONFIG });
    const { enjamb, folder, caPath } = there;
    await enjamb.addUser(`romeo@${HOME}`, PASSWORD);
    const line = await Line.start(t, { address: ENJAMB.address, port: ENJAMB.c2s });
    const romeo = new ResumingClient(t, { folder, caPath, name: 'romeo' });
    await romeo.login({ ...homeLogin('romeo'), host: BETWEEN, port: line.port });
    await romeo.join(ROOM, 'Romeo');

    line.state = 'refuse';
    line.cut('reset');
    await enjamb.logged(({ msg }) => msg === 'client asleep', 15_000);
    const lostAt = Date.now();
    await service.kill9();
    await service.start();
    const asked = async () => (await selfPings(service, ROMEO, ROOM, lostAt))[0];
    await until('the room has been asked', asked, DELAY_MS + WINDOW_MS);
    await untilTime(Date.now() + 1_000);
    assert.equal((await selfPings(service, ROMEO, ROOM, lostAt)).length, 1);

    const told = () => romeo.stanzas.filter(isNotice);
    assert.deepEqual(told(), [], 'nobody is there to be told');
    line.state = 'forward';
    await romeo.reported('resumed');
    await until('the notice', () => told()[0], 2_000);
    await untilTime(Date.now() + 2 * DELAY_MS);
    assert.equal(told().length, 1);
    assert.equal(romeo.count('session'), 1, 'the session began once');
    await romeo.join(ROOM, 'Romeo');
    await until('he is in', async () => (await service.occupants(ROOM))?.includes(ROMEO) || undefined, 2_000);
    await romeo.logout();
    await enjamb.stop();
  });
}
