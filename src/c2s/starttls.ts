// STARTTLS with a client (RFC 6120 §5).

import type { ServerTls } from '../net/tls.ts';
import { type Element, xml } from '../xml/element.ts';
import { NS } from '../xml/namespaces.ts';
import type { Step, StepOwner } from './step.ts';

export class StarttlsStep implements Step {
  readonly name = 'starttls';
  readonly #owner: StepOwner;

  constructor(owner: StepOwner) {
    this.#owner = owner;
  }

  features(): Element[] {
    const { phase, log } = this.#owner.session;
    const isRequired = phase === 'securing';
    const isPossible = this.#tls !== undefined;
    if (isRequired && !isPossible) log.warn('no certificate: clients cannot log in');
    if (!isPossible || phase === 'binding') return [];
    return [xml('starttls', NS.TLS, isRequired ? xml('required') : undefined)];
  }

  owns(element: Element): boolean {
    return element.is('starttls', NS.TLS);
  }

  /** Proceeds, does the handshake and restarts the stream. Without TLS, sends `<failure/>` and closes it (§5.4.2.2). */
  take(): void {
    const { stream, session } = this.#owner;
    const tls = this.#tls;
    session.phase = 'opening';
    if (tls === undefined) {
      stream.send(xml('failure', NS.TLS));
      stream.close();
      return;
    }
    stream.send(xml('proceed', NS.TLS));
    stream.startTls!({ side: 'server', tls, domain: session.host.domain }).catch((error: Error) => {
      session.log.info('TLS handshake failed', { why: error.message });
    });
  }

  /** The TLS settings; `undefined` without a certificate, or if this stream cannot start TLS now. */
  get #tls(): ServerTls | undefined {
    const { context, stream } = this.#owner;
    return stream.canStartTls && context.tls?.available === true ? context.tls : undefined;
  }
}
