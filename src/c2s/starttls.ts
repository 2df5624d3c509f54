// STARTTLS with a client (RFC 6120 §5).

import type { ServerTls } from '../net/tls.ts';
import type { XmlStream } from '../stream/stream.ts';
import { type Element, xml } from '../xml/element.ts';
import { NS } from '../xml/namespaces.ts';

export function starttlsFeature(required: boolean): Element {
  return xml('starttls', NS.TLS, required ? xml('required') : undefined);
}

/**
 * Agrees, shakes hands and restarts the stream. Where TLS is impossible, says so and closes it (§5.4.2.2).
 * @throws NetError when the handshake fails; the connection is then gone.
 */
export async function secure(stream: XmlStream, tls: ServerTls | undefined, domain: string): Promise<void> {
  if (tls === undefined || stream.secure) {
    stream.send(xml('failure', NS.TLS));
    stream.close();
    return;
  }
  stream.send(xml('proceed', NS.TLS));
  await stream.startTls({ side: 'server', tls, domain });
}
