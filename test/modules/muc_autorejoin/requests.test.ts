// Requests of the server in the name of a client.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PendingIqs } from '../../../src/core/iq/pending.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { restart } from '../../support/fake-rooms/faults.ts';
import { Room } from '../../support/fake-rooms/room.ts';
import { assertFaults } from '../../support/server.ts';
import { type Stage, type StageOptions, stage } from './stage.ts';

/** From the next join on, all answers but those to pings are late. Returns what they are about. */
function answersLate({ service, h }: Stage, seconds: number): string[] {
  const sent: string[] = [];
  const asked = new Map<string, string>();
  const { take, deliver } = service;
  let hasJoined = false;
  service.take = (stanza) => {
    hasJoined ||= stanza.getChild('x', NS.MUC) !== undefined;
    if (hasJoined && stanza.name === 'iq')
      asked.set(stanza.attrs.id ?? '', stanza.elements()[0]?.attrs.xmlns ?? '');
    take.call(service, stanza);
  };
  service.deliver = (stanza) => {
    const about = stanza.name === 'iq' ? asked.get(stanza.attrs.id ?? '') : undefined;
    if (about === undefined || about === NS.PING) return deliver.call(service, stanza);
    h.clock.after(seconds * 1_000, () => {
      sent.push(about);
      deliver.call(service, stanza);
    });
  };
  return sent;
}

/** The service has forgotten the hall. */
function forgets({ service }: Stage): void {
  service.newRoom = (jid) => {
    const room = new Room(service, jid, { persistent: false });
    service.rooms.set(jid, room);
    return room;
  };
  restart(service, { keeps: 'nothing' });
}

describe('a late answer never reaches the client in whose name the server has asked', () => {
  const cases: [what: string, about: string, options: StageOptions, happens: (made: Stage) => void][] = [
    [
      'facts of the room',
      NS.DISCO_INFO,
      {},
      (made) => {
        made.loses();
        made.cut();
      },
    ],
    [
      'facts of a new room',
      NS.DISCO_INFO,
      { room: { persistent: false }, people: [] },
      (made) => {
        forgets(made);
        made.cut();
      },
    ],
    [
      'the last message in the archive',
      NS.MAM,
      { behaviour: { archive: 'works' } },
      ({ romeo, service }) => romeo.joins(`${service.room('garden').jid}/Romeo`),
    ],
  ];
  for (const [what, about, options, happens] of cases) {
    test(what, async (t) => {
      const made = await stage(t, options);
      made.passes(20);
      made.romeo.heard();
      const late = answersLate(made, 45);
      happens(made);
      made.passes(120);
      assert.ok(late.includes(about), `${late}`);
      assert.deepEqual(
        made.romeo.heard().filter(({ name }) => name === 'iq'),
        [],
      );
    });
  }
});

test('too many requests are pending: the client of a new room leaves it and gets a notice; it does not wait', async (t) => {
  const made = await stage(t, { room: { persistent: false }, people: [] });
  made.passes(20);
  made.romeo.heard();
  forgets(made);
  const { ask } = PendingIqs.prototype;
  t.mock.method(PendingIqs.prototype, 'ask', function (this: PendingIqs, ...args: Parameters<typeof ask>) {
    const isRefused = made.service.rooms.size > 0 && args[1].elements()[0]?.name === 'query';
    if (isRefused) throw new StanzaError('resource-constraint');
    return ask.apply(this, args);
  });
  made.cut();
  made.passes(120);
  assert.equal(made.romeo.notices.length, 1);
  assert.equal(made.service.rooms.size, 0);
  assertFaults(made.h.server.faults, { task: 1 });
});
