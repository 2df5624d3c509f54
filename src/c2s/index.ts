// The entries for clients: a TCP connection, or a stream on another transport.

import type { ClientDoor } from '../api/stream.ts';
import type { Transport } from '../net/transport.ts';
import { readRate } from '../session/read-rate.ts';
import { strangerRate } from '../stream/read-limit.ts';
import { XmlStream } from '../stream/stream.ts';
import { tcpFraming } from '../stream/tcp-framing.ts';
import { NS } from '../xml/namespaces.ts';
import { type C2SContext, defaultDomain } from './context.ts';
import { Negotiation } from './negotiation.ts';

export type { C2SContext, C2SOptions } from './context.ts';
export { C2SSession } from './session.ts';

/** Takes over a client's TCP connection. It is closed if the client does not bind a resource within a minute. */
export function acceptClient(connection: Transport, context: C2SContext): void {
  const { clientStream, acceptClient: accept } = clientDoor(context);
  accept(clientStream(connection, tcpFraming(NS.CLIENT)));
}

/** The entry of clients on any transport. */
export function clientDoor(context: C2SContext): ClientDoor {
  return {
    clientStream(transport, framing) {
      const from = defaultDomain(context);
      return new XmlStream(transport, {
        role: 'receiver',
        namespace: NS.CLIENT,
        framing,
        clock: context.clock,
        faults: context.faults,
        timeouts: context.options?.timeouts ?? {},
        rate: strangerRate(readRate(context, 'c2s')),
        ...(from === undefined ? {} : { from }),
      });
    },
    acceptClient(stream) {
      new Negotiation(stream, context);
    },
  };
}
