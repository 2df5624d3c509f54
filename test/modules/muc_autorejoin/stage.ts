// The stage of the tests of silent joins: romeo is in the hall of another server, with Alice and Bob who see everything.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import type { Behaviour } from '../../support/fake-rooms/behaviour.ts';
import { restart } from '../../support/fake-rooms/faults.ts';
import type { Affiliation } from '../../support/fake-rooms/occupants.ts';
import { Resident } from '../../support/fake-rooms/resident.ts';
import type { Room, RoomConfig } from '../../support/fake-rooms/room.ts';
import { HALL, lines, ROMEO } from '../../support/fake-rooms/scene.ts';
import { RoomService } from '../../support/fake-rooms/service.ts';
import { type Harness, type HarnessClient, harness, isNotice } from '../../support/module-harness.ts';

export { HALL, lines, ROMEO };
export const JULIET = 'juliet@montague.lit/balcony';
/** The same account as romeo. */
export const PHONE = 'romeo@montague.lit/phone';

export interface StageOptions {
  readonly behaviour?: Partial<Behaviour>;
  readonly room?: Partial<RoomConfig>;
  /** Of the host. */
  readonly config?: string;
  /** Who is in the room beside romeo. */
  readonly people?: readonly string[];
  /** Of the room, by account. */
  readonly affiliations?: Readonly<Record<string, Affiliation>>;
}

export class Stage {
  readonly h: Harness;
  readonly service: RoomService;
  readonly room: Room;
  readonly romeo: HarnessClient;
  readonly people = new Map<string, Resident>();

  constructor(h: Harness, { behaviour, room, people = ['Alice', 'Bob'], affiliations = {} }: StageOptions) {
    this.h = h;
    this.service = new RoomService(h, { behaviour: { archive: 'none', ...behaviour } });
    this.room = this.service.room('hall', room);
    for (const [account, affiliation] of Object.entries(affiliations))
      this.room.affiliations.set(account, affiliation);
    for (const nick of people) this.comes(nick);
    this.romeo = this.client(ROMEO, 'Romeo');
  }

  /** A client of ours is in the hall. */
  client(jid: string, nick: string): HarnessClient {
    const client = this.h.client(jid);
    client.joins(`${HALL}/${nick}`);
    this.h.clock.seconds(10);
    client.heard();
    return client;
  }

  /** Somebody of another server enters the hall. */
  comes(nick: string): Resident {
    const known = this.people.get(nick);
    const resident = known ?? new Resident(this.service, `${nick.toLowerCase()}@capulet.lit/x`);
    this.people.set(nick, resident);
    resident.join(HALL, nick);
    return resident;
  }

  leaves(nick: string): void {
    this.people.get(nick)!.leave(HALL);
  }

  say(nick: string, body: string): void {
    this.people.get(nick)!.say(HALL, body);
  }

  /** The service restarts and forgets who was in; those of the other server come back at once. */
  loses(
    { people = [...this.people.keys()], ...how } = {} as Partial<Parameters<typeof restart>[1]> & {
      people?: string[];
    },
  ): void {
    restart(this.service, { keeps: 'rooms', keepsHistory: true, ...how });
    for (const nick of people) this.comes(nick);
  }

  /** The link breaks, and is there again after so many seconds. */
  cut(seconds = 3): void {
    this.service.peer.reachable = false;
    this.service.peer.cut();
    this.h.clock.seconds(seconds);
    this.service.peer.reachable = true;
  }

  /** Time passes. */
  passes(seconds: number): void {
    this.h.clock.seconds(seconds);
  }

  /** The joins that reached the service. */
  get joins(): Element[] {
    return this.service.peer.received.filter(
      (stanza) => stanza.name === 'presence' && stanza.getChild('x', NS.MUC) !== undefined,
    );
  }

  /** The joins since this was last asked. */
  joined(): Element[] {
    const { joins } = this;
    this.service.peer.received.length = 0;
    return joins;
  }

  /** What has reached romeo since this was last asked, a line for each. */
  seen(client = this.romeo): string[] {
    return lines(client.heard());
  }

  /** Whether the client hears the room, and the room the client. */
  assertAlive(client = this.romeo, nick = 'Romeo'): void {
    client.heard();
    client.says(`<message type='groupchat' id='test' to='${HALL}'><body>do you hear me?</body></message>`);
    this.say([...this.people.keys()][0]!, 'yes');
    this.passes(1);
    const bodies = client
      .heard()
      .map((stanza) => `${stanza.attrs.from?.split('/')[1]}: ${stanza.getChildText('body')}`);
    for (const line of [`${nick}: do you hear me?`, `${[...this.people.keys()][0]}: yes`])
      assert.ok(bodies.includes(line), `${line} in ${bodies}`);
    assert.equal(client.notices.length, 0);
  }
}

export async function stage(t: TestContext, options: StageOptions = {}): Promise<Stage> {
  const silence = options.config?.includes('ping_muc_silence') ? '' : 'ping_muc_silence = 0';
  const mode = /^muc_autorejoin =/m.test(options.config ?? '') ? '' : 'muc_autorejoin = "silent"';
  const config = `${mode}\n${silence}\n${options.config ?? ''}`;
  const made = new Stage(await harness(t, config), options);
  made.service.peer.received.length = 0;
  return made;
}

export { isNotice };
