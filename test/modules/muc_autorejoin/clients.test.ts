// Stand-ins for programs, by what their code does (section 7): which of them notices a loss, and what it does then.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { drop, restart } from '../../support/fake-rooms/faults.ts';
import type { HarnessClient } from '../../support/module-harness.ts';
import { HALL, ROMEO, type Stage, stage } from './stage.ts';

/** A program that reacts to what it is sent. */
abstract class Program {
  readonly client: HarnessClient;
  joins = 0;
  pings = 0;
  /** Requests for member lists, as after a join. */
  lists = 0;
  /** A room was configured, because it seemed to be new. */
  configurations = 0;
  isBookmarkDeleted = false;

  constructor(client: HarnessClient) {
    this.client = client;
  }

  abstract take(stanza: Element): void;

  /** Time passes, and the program reacts meanwhile. */
  runs(made: Stage, seconds: number): void {
    for (let i = 0; i < seconds * 10; i++) {
      made.passes(0.1);
      for (const stanza of this.client.heard()) if (stanza.attrs.from?.startsWith(HALL)) this.take(stanza);
    }
  }

  protected join(): void {
    this.joins++;
    this.client.joins(`${HALL}/Romeo`);
  }
}

function codesOf(stanza: Element): string[] {
  const codes = stanza.getChild('x', NS.MUC_USER)?.getChildren('status') ?? [];
  return codes.map(({ attrs }) => attrs.code ?? '');
}

/** Pings its own occupant after an error to a message, joins when it is out, reads members and configures at its own join. */
class Conversations extends Program {
  #isJoining = false;

  take(stanza: Element): void {
    const { name, attrs } = stanza;
    if (name === 'message' && attrs.type === 'error') this.#ping();
    else if (name === 'iq' && attrs.id === 'self-ping') {
      if (attrs.type === 'error') this.#rejoin();
    } else if (name === 'presence' && codesOf(stanza).includes('110')) this.#self(stanza);
  }

  #self(stanza: Element): void {
    const codes = codesOf(stanza);
    if (stanza.attrs.type === 'unavailable') {
      if (codes.includes('333')) this.#rejoin();
      return;
    }
    if (codes.includes('201')) this.configurations++;
    if (!this.#isJoining) return;
    this.#isJoining = false;
    for (const affiliation of ['member', 'admin', 'owner']) {
      this.lists++;
      this.client.says(
        `<iq type='get' id='${affiliation}' to='${HALL}'><query xmlns='${NS.MUC_ADMIN}'><item affiliation='${affiliation}'/></query></iq>`,
      );
    }
  }

  #ping(): void {
    this.pings++;
    this.client.says(`<iq type='get' id='self-ping' to='${HALL}/Romeo'><ping xmlns='${NS.PING}'/></iq>`);
  }

  #rejoin(): void {
    this.#isJoining = true;
    this.join();
  }
}

/** Deletes its bookmark when a room sends it an error that does not say `wait`; joins when it is out. */
class Monal extends Program {
  take(stanza: Element): void {
    const { name, attrs } = stanza;
    if (name !== 'presence') return;
    if (attrs.type === 'error') this.isBookmarkDeleted ||= StanzaError.from(stanza).type !== 'wait';
    const codes = codesOf(stanza);
    if (attrs.type === 'unavailable' && codes.includes('110') && codes.includes('333')) this.join();
  }
}

const PROGRAMS = [Conversations, Monal] as const;

/** The program must not notice these. */
const UNSEEN: readonly [what: string, happens: (made: Stage) => void][] = [
  ['a cut, and the room has lost it', (made) => loses(made)],
  ['removed with 333', ({ room }) => drop(room, ROMEO, { codes: ['333'] })],
  ['its nick is taken twice by its ghost', (made) => refuses(made, 2, new StanzaError('conflict'))],
  [
    'the room says wait',
    (made) => refuses(made, 2, new StanzaError('resource-constraint', { type: 'wait' })),
  ],
  ['the room is locked for a while', (made) => refuses(made, 2, new StanzaError('item-not-found'))],
  [
    'the join is answered after 90 s',
    (made) => {
      made.service.behaviour.joinDelayMs = 90_000;
      loses(made);
    },
  ],
  [
    'it writes into the gap',
    (made) => {
      drop(made.room, ROMEO, { isTold: false });
      made.romeo.says(`<message type='groupchat' id='gap' to='${HALL}'><body>hello</body></message>`);
    },
  ],
  [
    'it changes its show in the gap',
    (made) => {
      made.service.behaviour.strangers = 'error';
      drop(made.room, ROMEO, { isTold: false });
      made.romeo.says(`<presence to='${HALL}/Romeo'><show>away</show></presence>`);
    },
  ],
];

function loses(made: Stage): void {
  made.loses();
  made.cut();
}

function refuses(made: Stage, times: number, error: StanzaError): void {
  let left = times;
  made.service.behaviour.refuseJoin = ({ attrs }) => (attrs.from === ROMEO && left-- > 0 ? error : undefined);
  loses(made);
}

for (const Program of PROGRAMS) {
  describe(Program.name, () => {
    for (const [what, happens] of UNSEEN) {
      test(`${what}: notices nothing, and is in`, async (t) => {
        const made = await stage(t);
        made.passes(20);
        made.romeo.heard();
        const program = new Program(made.romeo);
        happens(made);
        program.runs(made, 200);
        const { joins, pings, lists, configurations, isBookmarkDeleted } = program;
        assert.deepEqual(
          { joins, pings, lists, configurations, isBookmarkDeleted },
          { joins: 0, pings: 0, lists: 0, configurations: 0, isBookmarkDeleted: false },
        );
        assert.equal(made.room.occupants.of(ROMEO)?.nick, 'Romeo');
        made.service.behaviour.joinDelayMs = 0;
        made.assertAlive();
      });
    }

    test('a temporary room that anybody may make anew: it configures nothing, and is in', async (t) => {
      const made = await stage(t, { room: { persistent: false } });
      made.passes(20);
      made.romeo.heard();
      const program = new Program(made.romeo);
      restart(made.service, { keeps: 'nothing' });
      made.cut();
      program.runs(made, 100);
      assert.deepEqual([program.joins, program.configurations, program.isBookmarkDeleted], [0, 0, false]);
      assert.equal(made.service.rooms.get(HALL)?.occupants.of(ROMEO)?.nick, 'Romeo');
    });

    test('the service is down for longer than the patience: told once, and in by its own join', async (t) => {
      const made = await stage(t, { config: 'muc_autorejoin_patience = "2 minutes"' });
      made.passes(20);
      made.romeo.heard();
      const program = new Program(made.romeo);
      made.service.peer.reachable = false;
      made.service.peer.queueMs = 3_600_000; // Its join waits for the link.
      made.loses();
      made.service.peer.cut();
      program.runs(made, 1_200);
      assert.deepEqual([program.joins, program.isBookmarkDeleted], [1, false]);
      made.service.peer.reachable = true;
      made.service.peer.openOut();
      program.runs(made, 60);
      assert.deepEqual([program.joins, program.isBookmarkDeleted], [1, false]);
      assert.equal(made.room.occupants.of(ROMEO)?.nick, 'Romeo');
    });

    test('the room is for members now: told once, and its own join gets the truth; the server joins no more', async (t) => {
      const made = await stage(t);
      made.passes(20);
      made.romeo.heard();
      const program = new Program(made.romeo);
      made.room.config.membersOnly = true;
      for (const nick of ['alice', 'bob']) made.room.affiliations.set(`${nick}@capulet.lit`, 'member');
      made.joined();
      loses(made);
      program.runs(made, 600);
      assert.equal(program.joins, 1);
      assert.equal(program.isBookmarkDeleted, Program === Monal);
      assert.equal(made.joined().length, 2, "the server's, and its own");
    });
  });
}

test('Conversations: an error that is none of a loss: it pings, and stays in', async (t) => {
  const made = await stage(t);
  made.passes(20);
  made.romeo.heard();
  const program = new Conversations(made.romeo);
  made.room.occupants.of(ROMEO)!.role = 'visitor';
  made.romeo.says(`<message type='groupchat' id='m' to='${HALL}'><body>hello</body></message>`);
  made.joined();
  program.runs(made, 60);
  assert.deepEqual([program.pings, program.joins], [1, 0]);
  assert.deepEqual(made.joined(), []);
});
