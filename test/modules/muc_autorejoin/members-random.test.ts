// Random changes of a private group, with random faults: what our clients take for its members is true in the end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { Jid } from '../../../src/xml/jid.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { drop } from '../../support/fake-rooms/faults.ts';
import { affiliate } from '../../support/fake-rooms/moderation.ts';
import type { HarnessClient } from '../../support/module-harness.ts';
import { randomFrom } from '../../support/random.ts';
import { HALL, JULIET, ROMEO, type Stage, stage } from './stage.ts';

const RUNS = 60;
const STEPS = 25;
const PEOPLE = ['carol', 'dave', 'erin', 'frank'].map((name) => `${name}@capulet.lit`);
const LISTS = ['owner', 'admin', 'member'] as const;

/** A client that reads the lists when it joins, and then believes what the room says. */
class Reader {
  readonly client: HarnessClient;
  readonly members = new Map<string, string>();
  readonly #made: Stage;
  readonly #nick: string;

  constructor(made: Stage, client: HarnessClient, nick: string) {
    this.#made = made;
    this.client = client;
    this.#nick = nick;
    this.reads();
  }

  reads(): void {
    this.members.clear();
    for (const list of LISTS)
      this.client.says(
        `<iq type='get' id='${list}' to='${HALL}'><query xmlns='${NS.MUC_ADMIN}'><item affiliation='${list}'/></query></iq>`,
      );
    this.#made.passes(1);
    this.takes();
  }

  /** Takes what has come. A client that was told of a loss joins, and reads the lists. */
  takes(): void {
    let isOut = false;
    for (const stanza of this.client.heard()) {
      for (const { affiliation, jid } of itemsIn(stanza)) this.#set(jid, affiliation);
      isOut ||= stanza.attrs.type === 'unavailable' && codesOf(stanza).includes('110');
    }
    if (!isOut) return;
    this.client.joins(`${HALL}/${this.#nick}`);
    this.#made.passes(2);
    this.reads();
  }

  #set(jid: string | undefined, affiliation = 'none'): void {
    const bare = Jid.tryParse(jid)?.bare;
    if (bare === undefined) return;
    if (affiliation === 'none' || affiliation === 'outcast') this.members.delete(bare);
    else this.members.set(bare, affiliation);
  }
}

function codesOf(stanza: Element): (string | undefined)[] {
  const statuses = stanza.getChild('x', NS.MUC_USER)?.getChildren('status') ?? [];
  return statuses.map(({ attrs }) => attrs.code);
}

function itemsIn(stanza: Element) {
  const parent = stanza.getChild('query', NS.MUC_ADMIN) ?? stanza.getChild('x', NS.MUC_USER);
  return parent?.getChildren('item').map(({ attrs }) => attrs) ?? [];
}

const sorted = (all: ReadonlyMap<string, string>) =>
  [...all].filter(([, affiliation]) => affiliation !== 'outcast').sort();

test(`${RUNS} random runs: what clients take for the members is true`, async (t) => {
  let joins = 0;
  for (let seed = 0; seed < RUNS; seed++) {
    const random = randomFrom(seed);
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
    const made = await stage(t, {
      room: { membersOnly: true, nonAnonymous: true },
      config: 'ping_muc_fast = true',
      affiliations: Object.fromEntries(
        ['alice@capulet.lit', 'bob@capulet.lit', 'romeo@montague.lit', 'juliet@montague.lit']
          .concat(PEOPLE.slice(0, 2))
          .map((account) => [account, 'member']),
      ),
    });
    const clients = [ROMEO, JULIET];
    const readers = [
      new Reader(made, made.romeo, 'Romeo'),
      new Reader(made, made.client(JULIET, 'Juliet'), 'Juliet'),
    ];
    const steps: readonly (() => void)[] = [
      () => affiliate(made.room, pick(PEOPLE), pick(['none', ...LISTS, 'outcast'] as const)),
      () => affiliate(made.room, pick(PEOPLE), pick(['none', 'member'] as const)),
      () => made.say('Alice', 'talk'),
      () => drop(made.room, pick(clients), { isTold: random() < 0.5 }),
      () => made.cut(pick([0, 3, 30])),
      () => made.passes(pick([0.02, 1, 10, 60])),
      () => {
        for (const client of clients) drop(made.room, client, { isTold: false });
        made.cut();
      },
    ];
    for (let i = 0; i < STEPS; i++) {
      pick(steps)();
      made.passes(0.02);
    }
    made.cut();
    for (let minute = 0; minute < 12; minute++) {
      made.passes(60);
      for (const reader of readers) reader.takes();
    }
    joins += made.joins.length;
    for (const { client, members } of readers) {
      assert.ok(made.room.occupants.of(`${client.jid}`), `seed ${seed}: ${client.jid} is in`);
      assert.deepEqual(sorted(members), sorted(made.room.affiliations), `seed ${seed}: ${client.jid}`);
    }
    await made.h.server.stop();
  }
  assert.ok(joins > RUNS, 'the server has joined again');
});
