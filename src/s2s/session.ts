// A stream with another server, whichever side opened it: who has been authenticated on it, and the stanzas.

import type { S2SSession as Contract, S2SCloseCause, S2SState } from '../api/session.ts';
import type { ServerContext } from '../core/context.ts';
import type { LocalHost } from '../core/host.ts';
import { checkStanza } from '../core/stanza-rules.ts';
import type { StreamCloseCause, XmlStream } from '../stream/stream.ts';
import { newId } from '../util/ids.ts';
import type { Logger } from '../util/logger.ts';
import type { Element } from '../xml/element.ts';
import { StanzaError, StreamError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import { DEFAULT_LIMITS } from '../xml/limits.ts';
import { certificateProves, Policy } from './policy.ts';

export type Direction = 'in' | 'out';

export class S2SSession implements Contract {
  readonly kind = 's2s';
  readonly id = newId().slice(0, 8);
  readonly direction: Direction;
  readonly host: LocalHost;
  readonly policy: Policy;
  readonly remotes = new Set<string>();
  readonly state: S2SState = {};
  readonly log: Logger;
  authenticatedAt: number | undefined;
  stanzasIn = 0;
  stanzasOut = 0;
  streamId = '';
  /** Told when `remote` has been authenticated. */
  onAuthenticated: ((remote: string) => void) | undefined;
  readonly #stream: XmlStream;
  readonly #context: ServerContext;

  constructor(stream: XmlStream, direction: Direction, host: LocalHost, context: ServerContext) {
    this.#stream = stream;
    this.#context = context;
    this.direction = direction;
    this.host = host;
    this.policy = new Policy(host);
    this.log = host.log.child({ s2s: this.id, direction });
  }

  get local(): string {
    return this.host.domain;
  }

  get secure(): boolean {
    return this.#stream.secure;
  }

  get remoteAddress(): string {
    return this.#stream.remoteAddress;
  }

  get lastReceivedAt(): number {
    return this.#stream.lastReceivedAt;
  }

  send(element: Element): boolean {
    let sent = element;
    if (this.host.hooks.has('s2s-out')) {
      const event = { session: this, element };
      if (this.host.hooks.fire('s2s-out', event) === 'handled') return true;
      sent = event.element;
    }
    if (!this.#stream.send(sent)) return false;
    if (isStanza(sent)) this.stanzasOut++;
    return true;
  }

  close(error?: Error): void {
    this.#stream.close(error);
  }

  proves(domain: string): boolean {
    return certificateProves(this.#stream.connection.tls, domain);
  }

  authenticate(remote: string): void {
    if (this.remotes.has(remote) || !this.#stream.isOpen) return;
    if (this.policy.requiresEncryption && !this.secure) {
      throw new StanzaError('policy-violation', { text: 'Encryption is required' });
    }
    if (this.policy.requiresCertificate(remote) && !this.proves(remote)) {
      throw new StanzaError('policy-violation', { text: `A valid certificate for ${remote} is required` });
    }
    this.remotes.add(remote);
    this.authenticatedAt ??= this.#context.clock.now();
    this.#stream.negotiated();
    this.#stream.raiseLimits(DEFAULT_LIMITS);
    this.log.info('s2s open', { remote, secure: this.secure, certificate: this.proves(remote) });
    this.onAuthenticated?.(remote);
    this.host.hooks.notify('s2s-open', { session: this, remote });
  }

  /** A first-level element on a stream that is past its negotiation. @throws StreamError */
  receive(element: Element): void {
    if (this.host.hooks.has('s2s-in')) {
      const event = { session: this, element };
      if (this.host.hooks.fire('s2s-in', event) === 'handled') return;
      this.#take(event.element);
    } else this.#take(element);
  }

  /** The stream is over. */
  ended(error: Error | undefined, cause: StreamCloseCause): void {
    const fields = { cause, ...(error ? { error: error.message } : {}) };
    if (this.remotes.size > 0) this.log.info('s2s closed', { remotes: [...this.remotes], ...fields });
    else this.log.debug('s2s closed before it was authenticated', fields);
    const reported: S2SCloseCause = cause;
    for (const remote of this.remotes) {
      this.host.hooks.notify('s2s-close', { session: this, remote, cause: reported, error });
    }
  }

  #take(element: Element): void {
    if (isStanza(element)) return this.#takeStanza(element);
    const handler = this.host.nonzas.get('s2s', element);
    if (!handler) throw new StreamError('unsupported-stanza-type', `<${element.name}/> is unknown here`);
    if (this.policy.requiresEncryption && !this.secure) {
      throw new StreamError('policy-violation', 'Encryption is required');
    }
    handler(element, this);
  }

  #takeStanza(stanza: Element): void {
    // RFC 6120 §8.1.1.2, §8.1.2.2: between servers both addresses are required.
    const from = Jid.tryParse(stanza.attrs.from);
    const to = Jid.tryParse(stanza.attrs.to);
    if (!from || !to) throw new StreamError('improper-addressing');
    if (this.direction === 'out')
      throw new StreamError('not-authorized', 'This stream carries no stanzas to us');
    if (!this.remotes.has(from.domain)) {
      throw new StreamError(this.remotes.size === 0 ? 'not-authorized' : 'invalid-from');
    }
    this.stanzasIn++;
    const { router } = this.#context;
    const problem = checkStanza(stanza);
    if (problem) router.bounce(stanza, problem);
    else if (!router.hosts.has(to.domain)) router.bounce(stanza, new StanzaError('item-not-found'));
    else router.route(stanza, this);
  }
}

/** A message, presence or iq in the content namespace of the stream. */
export function isStanza(element: Element): boolean {
  const { name } = element;
  return (name === 'message' || name === 'presence' || name === 'iq') && element.attrs.xmlns === undefined;
}
