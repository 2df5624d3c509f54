// What every client session does, whether it has a connection or stands for one in a test.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { C2SSession } from '../../src/api/session.ts';
import type { LocalHost } from '../../src/core/host.ts';
import { type Element, xml } from '../../src/xml/element.ts';

/** A session of the kind under test, on a host without modules. */
export interface Subject {
  readonly host: LocalHost;
  readonly session: C2SSession;
  /** Ids of the stanzas that have come to the client since it was last asked. */
  received(): Promise<readonly string[]>;
  /** The connection breaks, and the session sleeps. While it does, stanzas are queued. */
  sleeps(): Promise<void>;
  /** The client resumes the session, and is sent what was queued. */
  resumes(): Promise<void>;
  /** Another client binds the same address. */
  isReplaced(): Promise<C2SSession>;
}

const message = (id: string): Element => xml('message', { id });

/** @param open makes a session that is bound and connected */
export function sessionContract(kind: string, open: (t: TestContext) => Promise<Subject>): void {
  test(`${kind}: elements come in the order of sending, and are counted`, async (t) => {
    const { session, received } = await open(t);
    const before = session.stanzasOut;
    for (const id of ['1', '2', '3']) assert.equal(session.send(message(id)), true);
    assert.deepEqual(await received(), ['1', '2', '3']);
    assert.ok(session.stanzasOut >= before + 3);
  });

  test(`${kind}: what is held counts as sent, and comes when it is committed`, async (t) => {
    const { host, session, received } = await open(t);
    const held: Element[] = [];
    const hold = ({ element }: { element: Element }) => {
      if (element.attrs.id !== 'held') return undefined;
      held.push(element);
      return 'held' as const;
    };
    host.hooks.add('c2s-out', hold, 'deliver', 'test');
    assert.equal(session.send(message('held')), true);
    assert.equal(session.send(message('next')), true);
    assert.deepEqual(await received(), ['next']);
    for (const element of held) assert.equal(session.commit(element), true);
    assert.deepEqual(await received(), ['held']);
  });

  test(`${kind}: an element is written as a handler of c2s-out has replaced it`, async (t) => {
    const { host, session, received } = await open(t);
    const change = (event: { element: Element }) => {
      if (event.element.attrs.id === 'old') event.element = event.element.with({ id: 'new' });
    };
    host.hooks.add('c2s-out', change, 'rewrite', 'test');
    session.send(message('old'));
    assert.deepEqual(await received(), ['new']);
  });

  test(`${kind}: the sender of a copy is told once that it was written, where nobody counts`, async (t) => {
    const { session, received } = await open(t);
    let taken = 0;
    session.send(message('1'), () => taken++);
    await received();
    assert.equal(taken, 1);
  });

  test(`${kind}: the module that counts tells the sender of a copy, and may have no room`, async (t) => {
    const { host, session } = await open(t);
    let taken = 0;
    const kept: ((() => void) | undefined)[] = [];
    const keep = ({ element, onTaken }: { element: Element; onTaken: (() => void) | undefined }) => {
      if (element.attrs.id === 'full') return 'full' as const;
      kept.push(onTaken);
      return 'kept' as const;
    };
    host.hooks.add('c2s-commit', keep, 'deliver', 'test');
    assert.equal(
      session.send(message('1'), () => taken++),
      true,
    );
    assert.equal(
      session.send(message('full'), () => taken++),
      false,
    );
    assert.equal(taken, 0);
    for (const onTaken of kept) onTaken?.();
    assert.equal(taken, 1);
  });

  test(`${kind}: a session that sleeps keeps its address, takes elements, and tells of its resumption once`, async (t) => {
    const { host, session, received, sleeps, resumes } = await open(t);
    const told: string[] = [];
    for (const event of ['c2s-attach', 'c2s-resume', 'resource-unbind'] as const) {
      host.hooks.add(event, () => void told.push(event), 'observe', 'test');
    }
    await sleeps();
    assert.equal(session.connected, false);
    assert.equal(session.write(message('nobody')), false);
    assert.equal(host.sessions.get(session.jid), session);
    assert.equal(session.send(message('1')), true);
    await resumes();
    assert.equal(session.connected, true);
    assert.deepEqual(await received(), ['1']);
    session.ready();
    // The handler that says that the session is ready may run before this one.
    assert.deepEqual(told.toSorted(), ['c2s-attach', 'c2s-resume']);
  });

  test(`${kind}: a session ends once; it has no address then, and takes nothing`, async (t) => {
    const { host, session } = await open(t);
    const told: unknown[] = [];
    for (const event of ['resource-ending', 'resource-unbind'] as const) {
      const tell = (end: { session: C2SSession; error: Error | undefined; successor?: unknown }) => {
        told.push(event, end.session === session, end.error?.message, end.successor);
        assert.equal(host.sessions.get(session.jid), undefined);
      };
      host.hooks.add(event, tell, 'observe', 'test');
    }
    session.close(new Error('enough'));
    session.close();
    assert.deepEqual(told, [
      ...['resource-ending', true, 'enough', undefined],
      ...['resource-unbind', true, 'enough', undefined],
    ]);
    assert.equal(session.connected, false);
    assert.equal(session.send(message('1')), false);
    assert.equal(session.commit(message('2')), false);
  });

  test(`${kind}: a session that is replaced ends when its successor has the address`, async (t) => {
    const { host, session, isReplaced } = await open(t);
    const successors: (C2SSession | undefined)[] = [];
    const note = ({ successor }: { successor: C2SSession | undefined }) => {
      assert.equal(host.sessions.get(session.jid), successor);
      successors.push(successor);
    };
    host.hooks.add('resource-ending', note, 'observe', 'test');
    const successor = await isReplaced();
    assert.deepEqual(successors, [successor]);
    assert.equal(host.sessions.of(session.jid.local ?? '').length, 1);
  });
}
