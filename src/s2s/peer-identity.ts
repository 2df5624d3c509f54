// Proofs of the peer's identity on one stream: its certificate, by a certificate authority or by TLSA records.

import type { ServerContext } from '../core/context.ts';
import type { LocalHost } from '../core/host.ts';
import type { XmlStream } from '../stream/stream.ts';
import { StreamError } from '../xml/errors.ts';
import type { DaneLookup } from './dane-lookup.ts';
import { certificateProves, Policy, refusalOf } from './policy.ts';

/** The number of domains that are looked up for one stream. */
const MAX_EXAMINED = 64;

export interface PeerIdentityParts {
  readonly stream: XmlStream;
  readonly context: ServerContext;
  /** Present on streams that the peer opened. */
  readonly daneLookup: DaneLookup | undefined;
}

export class PeerIdentity {
  readonly #parts: PeerIdentityParts;
  /** Results of the look-ups. */
  readonly #examined = new Map<string, boolean>();

  constructor(parts: PeerIdentityParts) {
    this.#parts = parts;
  }

  /** The proof that the peer is this domain; `undefined` without one. */
  of(domain: string): 'certificate' | 'DANE' | undefined {
    const { tls } = this.#parts.stream;
    if (this.#examined.get(domain)) return 'DANE';
    if (!certificateProves(tls, domain)) return undefined;
    return tls?.dane !== undefined && tls.dane.usage !== 'PKIX' ? 'DANE' : 'certificate';
  }

  /** See `S2SStream.examine`. */
  examine(domain: string, host: LocalHost, then: () => void): void {
    const { stream, daneLookup, context } = this.#parts;
    const { tls } = stream;
    const search =
      tls && this.#isUnclear(domain, host) ? daneLookup?.ask(domain, tls, stream.remoteAddress) : undefined;
    if (!search) return then();
    stream.suspend();
    void search.then((isProved) => {
      this.#examined.set(domain, isProved);
      try {
        if (stream.isOpen) then();
        stream.resume();
      } catch (error) {
        if (!(error instanceof StreamError)) context.faults.report('stream', error, { domain });
        stream.close(error instanceof StreamError ? error : new StreamError('internal-server-error'));
      }
    });
  }

  /** Whether a look-up could change the decision of `host` about `domain`. */
  #isUnclear(domain: string, host: LocalHost): boolean {
    const { stream, context } = this.#parts;
    const policy = new Policy(host);
    return (
      stream.tls?.peerCertificate !== undefined &&
      policy.requiresCertificate(domain) &&
      this.of(domain) === undefined &&
      !this.#examined.has(domain) &&
      this.#examined.size < MAX_EXAMINED &&
      !context.router.hosts.has(domain) &&
      refusalOf(host, domain) === undefined
    );
  }
}
