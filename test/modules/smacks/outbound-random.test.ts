// XEP-0198 §4, §5: whatever is held, queued, resumed or saved, the client gets every element once, in the order in which they
// were committed, and both sides count the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sentCount } from '../../../modules/smacks/outbound.ts';
import type { C2SSession } from '../../../src/api/session.ts';
import { C2SSession as RealSession } from '../../../src/c2s/index.ts';
import { type Element, xml } from '../../../src/xml/element.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { randomFrom } from '../../support/random.ts';
import { JULIET, type Scene, SM, scene } from './scene.ts';

interface Held {
  readonly element: Element;
  readonly onTaken: (() => void) | undefined;
}

/** A session, its client, and what should have happened. */
class Run {
  readonly there: Scene;
  readonly jid: string;
  readonly random: () => number;
  client: ScriptedClient;
  session: C2SSession;
  /** Whether the session is sometimes saved and loaded: the senders of copies hear nothing then. */
  readonly isSaved: boolean;
  readonly #id: string;
  /** Ids in the order of `commit`. */
  readonly committed: string[] = [];
  readonly received: string[] = [];
  /** Elements of which the sender keeps a copy, and those of which it has been told that they were acknowledged. */
  readonly copied = new Set<string>();
  readonly taken: string[] = [];
  readonly held: Held[] = [];
  isHolding = false;
  isResuming = false;
  finishWork: (() => void) | undefined;
  #number = 0;
  /** Stanzas that the client has sent. */
  #said = 0;

  constructor(there: Scene, jid: string, random: () => number, client: ScriptedClient, id: string) {
    this.there = there;
    this.jid = jid;
    this.random = random;
    this.client = client;
    this.session = there.session(jid)!;
    this.isSaved = random() < 0.5;
    this.#id = id;
  }

  async step(): Promise<void> {
    const steps = [
      () => this.sends(),
      () => this.sends(),
      () => this.holds(),
      () => this.releases(),
      () => this.acknowledges(),
      () => this.works(),
      () => this.finishes(),
      () => this.loses(),
      () => this.comesBack(),
      () => this.isSavedAndLoaded(),
    ];
    await steps[Math.floor(this.random() * steps.length)]!();
    await this.there.turns();
  }

  async sends(): Promise<void> {
    const id = `${this.#number++}`;
    if (!this.isHolding) this.committed.push(id);
    if (!this.isSaved && this.random() < 0.3) this.copied.add(id);
    const onTaken = this.copied.has(id) ? () => void this.taken.push(id) : undefined;
    assert.equal(this.session.send(xml('message', { id }), onTaken), true);
  }

  async holds(): Promise<void> {
    this.isHolding = true;
  }

  async releases(): Promise<void> {
    this.isHolding = false;
    for (const { element, onTaken } of this.held.splice(0)) {
      this.committed.push(element.attrs.id ?? '');
      assert.equal(this.session.commit(element, onTaken), true);
    }
  }

  async acknowledges(): Promise<void> {
    await this.reads();
    if (this.session.connected) this.client.send(`<a ${SM} h='${this.received.length}'/>`);
  }

  /** The client sends a stanza whose work takes a while: a client that comes back meanwhile has to wait. */
  async works(): Promise<void> {
    if (!this.session.connected || this.finishWork) return;
    this.#said++;
    this.client.send(`<message id='slow'/>`);
  }

  async finishes(): Promise<void> {
    this.finishWork?.();
    this.finishWork = undefined;
    await this.there.turns();
    if (this.isResuming) await this.isTold();
  }

  async loses(): Promise<void> {
    if (!this.session.connected) return;
    if (this.random() < 0.5) await this.reads();
    this.isResuming = false;
    await this.there.loses(this.client);
  }

  /** Another session goes on with what was saved of this one, as after a restart. */
  async isSavedAndLoaded(): Promise<void> {
    if (!this.isSaved || this.finishWork) return; // A server that stops waits for work.
    await this.loses();
    const { server } = this.there.test;
    const host = server.router.hosts.get('capulet.lit')!;
    const text = JSON.stringify((this.session as RealSession).record());
    host.sessions.remove(this.session);
    this.session = RealSession.asleep(JSON.parse(text), host, server);
  }

  async comesBack(): Promise<void> {
    if (this.session.connected) return;
    this.client = await this.there.returning(this.jid, this.#id, this.received.length);
    for (let n = 0; !this.session.connected; n++) {
      assert.ok(n < 50, 'the session is not resumed');
      await this.there.turns();
    }
    this.isResuming = this.finishWork !== undefined;
    if (!this.isResuming) await this.isTold();
  }

  async isTold(): Promise<void> {
    this.isResuming = false;
    await this.client.receives(`<resumed ${SM} previd='${this.#id}' h='${this.#said}'/>`);
  }

  /** Reads everything that was written to the client: a request that is out of place is refused behind it. */
  async reads(): Promise<void> {
    if (!this.session.connected || this.isResuming) return;
    this.client.send(`<resume ${SM}/>`);
    for (
      let element = await this.client.next();
      element.name !== 'failed';
      element = await this.client.next()
    ) {
      if (element.name === 'message') this.received.push(element.attrs.id ?? '');
    }
  }
}

async function begin(there: Scene, seed: number): Promise<Run> {
  const jid = `${JULIET}/${seed}`;
  const { client, id } = await there.managed(jid);
  const run = new Run(there, jid, randomFrom(seed), client, id);
  const { hooks } = there.test.server.router.hosts.get('capulet.lit')!;
  const hold = ({ session, element, onTaken }: Held & { session: C2SSession }) => {
    if (session !== run.session || !run.isHolding) return undefined;
    run.held.push({ element, onTaken });
    return 'held' as const;
  };
  hooks.add('c2s-out', hold, 'deliver', 'test');
  const wait = (event: { origin: C2SSession; waitUntil(work: Promise<unknown>): void }) => {
    if (event.origin !== run.session) return undefined;
    event.waitUntil(new Promise<void>((resolve) => (run.finishWork = resolve)));
    return 'handled' as const;
  };
  hooks.add('pre-message/self', wait, 'guard', 'test');
  return run;
}

test('every element comes once, in the order of commit, and both sides count the same', async (t) => {
  const there = await scene(t, '', ['smacks']);
  for (let seed = 1; seed <= 25; seed++) {
    const run = await begin(there, seed);
    for (let n = 0; n < 60; n++) await run.step();
    await run.finishes();
    await run.comesBack();
    await run.releases();
    await run.acknowledges();
    await there.turns();
    assert.deepEqual(run.received, run.committed, `seed ${seed}`);
    assert.equal(run.session.stanzasOut, run.committed.length, `seed ${seed}`);
    assert.equal(sentCount(there.management(run.jid).outbound), run.committed.length, `seed ${seed}`);
    const copied = run.committed.filter((id) => run.copied.has(id));
    assert.deepEqual(run.taken, copied, `seed ${seed}: each sender is told once, in order`);
    assert.equal(there.management(run.jid).outbound.queue.length, 0);
    run.client.send('</stream:stream>');
    await there.turns();
  }
});
