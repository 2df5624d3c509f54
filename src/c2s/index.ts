// Clients: from a connection that somebody opened to a session that stanzas can be sent to.

import type { Connection } from '../net/connection.ts';
import type { C2SContext } from './context.ts';
import { Negotiation } from './negotiation.ts';

export type { C2SContext, C2SOptions } from './context.ts';
export { C2SSession } from './session.ts';

/** Takes over a client's connection, TLS or not; it is closed when the client does not log in in time. */
export function acceptClient(connection: Connection, context: C2SContext): void {
  new Negotiation(connection, context);
}
