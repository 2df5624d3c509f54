// One server without modules, whose hooks and requests a test handles itself.

import type { TestContext } from 'node:test';
import type { EventName, Handler, Stage } from '../../../src/api/events.ts';
import type { IqHandler, IqMatch } from '../../../src/api/module.ts';
import type { LocalHost } from '../../../src/core/host.ts';
import type { Clock } from '../../../src/util/clock.ts';
import type { Stanza } from '../../../src/xml/element.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { parseXml } from '../../support/match.ts';
import { startServer, type TestServer } from '../../support/server.ts';

export const TEST_NS = 'urn:enjamb:test';

export interface Bench {
  readonly test: TestServer;
  readonly host: LocalHost;
  /** What the router has handed to the links with other servers. */
  readonly sent: Stanza[];
  client(jid: string): Promise<ScriptedClient>;
  hook<N extends EventName>(event: N, handler: Handler<N>, stage?: Stage): void;
  handleIq(handler: IqHandler, match?: Partial<IqMatch>): void;
  /** Errors reach clients, as the modules for messages and presence see to. */
  deliverErrors(): void;
  /** A stanza that another server has sent. */
  arrive(xml: string): void;
}

/** montague.lit without any module, and rooms.montague.lit beside it; other servers are a list of stanzas. */
export async function startBench(t: TestContext, clock?: Clock): Promise<Bench> {
  const config = `
    modules_enabled = []
    [hosts."montague.lit"]
    [hosts."verona.lit"]
  `;
  const test = await startServer(t, { config, ...(clock ? { clock } : {}) });
  const { router } = test.server;
  const host = router.hosts.get('montague.lit')!;
  const sent: Stanza[] = [];
  router.remote = {
    send: (_local, _remote, stanza) => void sent.push(stanza),
    connect: () => Promise.reject(new Error('not in this test')),
    link: () => {
      throw new Error('not in this test');
    },
    forget: () => {},
  };
  return {
    test,
    host,
    sent,
    client: (jid) => test.client(jid),
    hook: (event, handler, stage = 'deliver') => void host.hooks.add(event, handler, stage, 'test'),
    handleIq: (handler, match = {}) =>
      void host.iqHandlers.add(
        { type: 'get', to: ['host', 'bare'], name: 'query', xmlns: TEST_NS, ...match },
        handler,
        'test',
      ),
    deliverErrors() {
      for (const event of ['message/full', 'presence/full'] as const) {
        const deliver: Handler<typeof event> = ({ stanza, to }) => {
          if (stanza.attrs.type !== 'error') return undefined;
          return host.sessions.get(to)?.send(stanza) ? 'handled' : undefined;
        };
        host.hooks.add(event, deliver, 'deliver', 'test');
      }
    },
    arrive: (xml) => router.route(parseXml(xml), { kind: 'host', domain: 'capulet.lit' }),
  };
}
