// Clients: from a new connection to a session that stanzas can be sent to.

import type { Transport } from '../net/transport.ts';
import { readRate } from '../session/read-rate.ts';
import type { ClientStream } from '../stream/client-stream.ts';
import type { Framing } from '../stream/framing.ts';
import { strangerRate } from '../stream/read-limit.ts';
import { XmlStream } from '../stream/stream.ts';
import { NS } from '../xml/namespaces.ts';
import { type C2SContext, defaultDomain } from './context.ts';
import { Negotiation } from './negotiation.ts';

export type { C2SContext, C2SOptions } from './context.ts';
export { C2SSession } from './session.ts';

/**
 * Takes over a client's connection; it is closed when the client does not log in in time. Without `framing` the client
 * speaks as over TCP.
 */
export function acceptClient(transport: Transport, context: C2SContext, framing?: Framing): void {
  const from = defaultDomain(context);
  const stream = new XmlStream(transport, {
    role: 'receiver',
    namespace: NS.CLIENT,
    clock: context.clock,
    faults: context.faults,
    timeouts: context.options?.timeouts ?? {},
    rate: strangerRate(readRate(context, 'c2s')),
    ...(from === undefined ? {} : { from }),
    ...(framing === undefined ? {} : { framing }),
  });
  acceptClientStream(stream, context);
}

/** Takes over a stream of any kind, on which nothing was received yet. */
export function acceptClientStream(stream: ClientStream, context: C2SContext): void {
  new Negotiation(stream, context);
}
