// The sessions of the server and those of the module harness keep the same contract.

import type { TestContext } from 'node:test';
import type { ClientStream } from '../../../src/stream/client-stream.ts';
import type { Element } from '../../../src/xml/element.ts';
import { settled } from '../../support/duplex.ts';
import { HandClock, startHarness as startModuleHarness } from '../../support/module-harness.ts';
import { type Subject, sessionContract } from '../../support/session-contract.ts';
import { type Client, DOMAIN, type Harness, startHarness } from '../c2s/harness.ts';

const IDS = /<message id='(\w+)'/g;

sessionContract('a session of the server', async (t) => {
  const harness = await startHarness(t);
  let client = await harness.bound('balcony');
  const session = harness.session(`juliet@${DOMAIN}/balcony`);
  const queue: Element[] = [];
  harness.hook('c2s-disconnect', () => 'sleep');
  harness.host.hooks.add(
    'c2s-commit',
    (event) => {
      if (session.connected) return undefined;
      queue.push(event.element);
      return 'queued';
    },
    'deliver',
    'test',
  );
  harness.hook('c2s-attach', () => {
    for (const element of queue.splice(0)) session.write(element);
    session.ready();
  });
  return {
    host: harness.host,
    session,
    received: async () => [...(await client.roundTrip('end')).matchAll(IDS)].map(([, id]) => id ?? ''),
    async sleeps() {
      client.peer.drop();
      await settled();
    },
    async resumes() {
      const [next, stream] = await unboundStream(harness);
      client = next;
      session.attach(stream);
    },
    async isReplaced() {
      await harness.bound('balcony');
      return harness.session(`juliet@${DOMAIN}/balcony`);
    },
  };
});

/** A client that has authenticated and not bound, and the stream under it. */
async function unboundStream(harness: Harness): Promise<readonly [Client, ClientStream]> {
  const before = new Set(harness.negotiating);
  const client = harness.connect();
  await client.login();
  const [fresh] = [...harness.negotiating].filter((session) => !before.has(session));
  return [client, fresh!.release()!];
}

sessionContract('a session of the module harness', async (t: TestContext): Promise<Subject> => {
  const harness = await startModuleHarness(new HandClock(), '', []);
  t.after(() => harness.server.stop());
  const jid = 'juliet@montague.lit/balcony';
  const session = harness.client(jid);
  return {
    host: harness.host,
    session,
    received: async () => session.heard().map(({ attrs }) => attrs.id ?? ''),
    sleeps: async () => session.sleep(),
    resumes: async () => session.resume(),
    isReplaced: async () => harness.client(jid),
  };
});
