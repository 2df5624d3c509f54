// The login of a component (XEP-0114 §3, `jabber:component:accept`): its header names the domain, its handshake proves
// that it knows the secret.
//
//   header ──▶ handshake ──▶ serving
//                 └── the domain is served already ──▶ waiting for the other component's answer to a ping

import { HOST_ONLY_OPTIONS } from '../config/core-options.ts';
import { limitKey } from '../net/address.ts';
import type { Connection } from '../net/connection.ts';
import { readRate } from '../session/read-rate.ts';
import type { StreamHeader } from '../stream/header.ts';
import { type StreamCloseCause, type StreamHandler, XmlStream } from '../stream/stream.ts';
import { newId } from '../util/ids.ts';
import type { Logger } from '../util/logger.ts';
import type { Element } from '../xml/element.ts';
import { StreamError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import { NS } from '../xml/namespaces.ts';
import type { ComponentContext } from './context.ts';
import { provesSecret } from './secret.ts';
import type { Service } from './service.ts';
import { ComponentSession } from './session.ts';

/** The time for the header and the handshake. */
const NEGOTIATION_MS = 30_000;
/** The delay of the answer to a wrong secret, to slow down guessing. */
const REFUSAL_DELAY_MS = 500;
/** The time for a connected component to answer a ping when a second connection asks for its domain. */
const CONTEST_MS = 10_000;

const POLICY = { component_conflict_resolve: HOST_ONLY_OPTIONS.component_conflict_resolve };

export class Handshake implements StreamHandler {
  readonly #context: ComponentContext;
  readonly #services: ReadonlyMap<string, Service>;
  readonly #stream: XmlStream;
  readonly #onEnd: () => void;
  readonly #streamId = newId();
  #service: Service | undefined;
  #isDone = false;

  /** `onEnd` is called once, when the component is authenticated or the stream ends. */
  constructor(
    connection: Connection,
    context: ComponentContext,
    services: ReadonlyMap<string, Service>,
    onEnd: () => void,
  ) {
    this.#context = context;
    this.#services = services;
    this.#onEnd = onEnd;
    const { clock, faults } = context;
    this.#stream = new XmlStream(connection, {
      role: 'receiver',
      namespace: NS.COMPONENT,
      handler: this,
      clock,
      faults,
      timeouts: { negotiationMs: NEGOTIATION_MS },
      rate: readRate(context, 's2s'), // A component shares the process with all others.
    });
  }

  close(error: Error): void {
    this.#stream.close(error, 'local');
  }

  onHeader(header: StreamHeader): void {
    const service = this.#serviceOf(header);
    if (!this.#context.failures.has(this.#failureKey(service)))
      throw new StreamError('policy-violation', 'Too many failed handshakes; try again later');
    this.#service = service;
    this.#stream.open({ from: service.domain, id: this.#streamId });
  }

  onElement(element: Element): void {
    const service = this.#service!;
    if (!element.is('handshake'))
      throw new StreamError('not-authorized', 'Authenticate with a handshake first');
    const secret = service.host.config.componentSecret;
    if (secret === undefined || !provesSecret(element.text(), this.#streamId, secret)) this.#refuse(service);
    else this.#admit(service);
  }

  onClose(error: Error | undefined, cause: StreamCloseCause): void {
    const why = error === undefined ? {} : { why: error.message };
    const component = this.#service?.domain;
    const log = this.#limited(this.#context.log);
    log.info('component disconnected during login', { component, cause, ...why });
    this.#done();
  }

  /** Limits the log lines that a peer can cause before it has proved that it knows the secret. */
  #limited(log: Logger): Logger {
    return this.#context.strangers?.of(log, this.#stream.remoteAddress) ?? log;
  }

  #serviceOf({ to }: StreamHeader): Service {
    if (to === undefined) throw new StreamError('improper-addressing', "The stream header has no 'to'");
    const jid = Jid.tryParse(to);
    const service = jid?.isDomain ? this.#services.get(jid.domain) : undefined;
    if (!service)
      throw new StreamError('host-unknown', 'No external component is configured for this domain');
    return service;
  }

  /** Components of one machine share an address, so failures are counted per domain too. */
  #failureKey(service: Service): string {
    return `${limitKey(this.#stream.remoteAddress)} ${service.domain}`;
  }

  #refuse(service: Service): void {
    const { clock, failures } = this.#context;
    const address = this.#stream.remoteAddress;
    const log = this.#limited(service.host.log);
    log.warn('component refused: its secret is not component_secret', { address });
    if (!service.session) service.lastError = { at: clock.now(), message: `wrong secret from ${address}` };
    failures.spend(this.#failureKey(service));
    this.#stream.suspend();
    clock.after(REFUSAL_DELAY_MS, () => this.#stream.close(new StreamError('not-authorized')));
  }

  /** One component serves a domain; a dead connection is replaced (docs/adr/0020). */
  #admit(service: Service): void {
    const { session } = service;
    if (!session) return this.#begin(service);
    if (service.host.config.get(POLICY).component_conflict_resolve === 'kick_old') {
      session.close(new StreamError('conflict', 'Replaced by a new connection'));
      return this.#begin(service);
    }
    if (service.isContested) throw conflict();
    service.isContested = true;
    this.#stream.suspend();
    this.#context.router.work.add(this.#contest(service, session), 'component');
  }

  async #contest(service: Service, session: ComponentSession): Promise<void> {
    const isAlive = await session.isAlive(CONTEST_MS);
    service.isContested = false;
    if (isAlive) {
      const log = this.#limited(service.host.log);
      log.warn('component refused: another one is connected', {
        address: this.#stream.remoteAddress,
        other: session.remoteAddress,
      });
      this.#stream.close(conflict());
      return;
    }
    session.close(
      new StreamError('conflict', 'Replaced by a new connection, because this one did not answer a ping'),
    );
    if (!this.#stream.isOpen) return;
    this.#begin(service);
    this.#stream.resume();
  }

  #begin(service: Service): void {
    const { clock } = this.#context;
    const session = new ComponentSession(this.#stream, service.host, this.#context, (error, cause) => {
      if (service.session === session) service.detach(clock.now(), error?.message ?? `closed (${cause})`);
    });
    this.#stream.send('<handshake/>');
    session.log.info('component connected', { address: session.remoteAddress });
    this.#done();
    service.attach(session);
  }

  #done(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#onEnd();
  }
}

function conflict(): StreamError {
  return new StreamError('conflict', 'Another component is connected for this domain');
}
