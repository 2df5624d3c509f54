// What speaks for it, on one stream, that the peer is who it says: its certificate, by the word of an authority or of
// the DNS.

import type { ServerContext } from '../core/context.ts';
import type { LocalHost } from '../core/host.ts';
import type { XmlStream } from '../stream/stream.ts';
import { StreamError } from '../xml/errors.ts';
import type { DaneLookup } from './dane-lookup.ts';
import { certificateProves, Policy, refusalOf } from './policy.ts';

/** Of so many domains is the DNS asked on one stream. */
const MAX_EXAMINED = 64;

export interface ProofsOptions {
  readonly stream: XmlStream;
  readonly context: ServerContext;
  /** Where the peer has called us. */
  readonly daneLookup: DaneLookup | undefined;
}

export class PeerIdentity {
  readonly #options: ProofsOptions;
  /** What the DNS has answered. */
  readonly #examined = new Map<string, boolean>();

  constructor(options: ProofsOptions) {
    this.#options = options;
  }

  /** What proves that the peer is this domain. */
  of(domain: string): 'certificate' | 'DANE' | undefined {
    const { tls } = this.#options.stream;
    if (this.#examined.get(domain)) return 'DANE';
    if (!certificateProves(tls, domain)) return undefined;
    return tls?.dane !== undefined && tls.dane.usage !== 'PKIX' ? 'DANE' : 'certificate';
  }

  /** As S2SStream.examine says. */
  examine(domain: string, host: LocalHost, then: () => void): void {
    const { stream, daneLookup, context } = this.#options;
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

  /** Whether the DNS could still change the decision of `host` about `domain`. */
  #isUnclear(domain: string, host: LocalHost): boolean {
    const { stream, context } = this.#options;
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
