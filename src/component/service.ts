// One of our domains that an external component serves. Stanzas to it go to the component, or return to their senders
// with an error while no component is connected.

import type { Kind, StanzaEvent, Target } from '../api/events.ts';
import type { LocalHost } from '../core/host.ts';
import type { Router } from '../core/router.ts';
import { serviceClosed, serviceOpened } from '../core/services.ts';
import { errorReply, StanzaError } from '../xml/errors.ts';
import type { ComponentSession } from './session.ts';

const KINDS: readonly Kind[] = ['message', 'presence', 'iq'];
const TARGETS: readonly Target[] = ['full', 'bare', 'host'];

export class Service {
  readonly host: LocalHost;
  /** The connected component. */
  session: ComponentSession | undefined;
  /** An authenticated second connection waits for the present component to answer a ping. */
  isContested = false;
  /** Why the component disconnected, or could not log in. */
  lastError: { readonly at: number; readonly message: string } | undefined;
  readonly #router: Router;

  constructor(host: LocalHost, router: Router) {
    this.host = host;
    this.#router = router;
    // Before all modules of the host, because a component takes all stanzas to its domain.
    for (const kind of KINDS) {
      for (const target of TARGETS)
        host.hooks.add(`${kind}/${target}`, (event) => this.#deliver(event), 'deliver', 'component');
    }
  }

  get domain(): string {
    return this.host.domain;
  }

  attach(session: ComponentSession): void {
    this.session = session;
    this.lastError = undefined;
    serviceOpened(this.host, this.#router);
  }

  detach(at: number, message: string): void {
    this.session = undefined;
    this.lastError = { at, message };
    serviceClosed(this.host, this.#router);
  }

  #deliver(event: StanzaEvent): 'handled' {
    const { stanza } = event;
    if (!this.session) {
      // A temporary error: after some other errors clients leave the room (XEP-0410 §3.2).
      const text = 'This service is not connected now';
      this.#sendBack(event, new StanzaError('remote-server-timeout', { by: this.domain, text }));
    } else if (!this.session.send(stanza)) {
      const text = 'This service is overloaded: try again later';
      this.#sendBack(event, new StanzaError('resource-constraint', { by: this.domain, text }));
    }
    return 'handled';
  }

  /**
   * The error comes from the sender's host if that is ours, since the service did not send it (see `isLocalBounce`).
   */
  #sendBack({ stanza, from }: StanzaEvent, error: StanzaError): void {
    const reply = errorReply(stanza, error);
    const speaker = this.#router.hosts.get(from.domain) ?? this.host;
    if (reply) this.#router.route(reply, speaker.origin);
  }
}
