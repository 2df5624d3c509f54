// One module on one host: its registrations are recorded, and undone in reverse order at unload.

import type { Command, CommandRegistry } from '../admin/commands.ts';
import type {
  Answer,
  AnsweredEvent,
  EventName,
  Handler,
  Notification,
  Observer,
  Payload,
  StanzaEvent,
} from '../api/events.ts';
import type { AskedIq, FollowIq, IqQuestion } from '../api/iq.ts';
import type { Link } from '../api/link.ts';
import type {
  Exports,
  IqHandler,
  IqMatch,
  Items,
  Module,
  ModuleDefinition,
  OwnerQuestion,
  SendOptions,
} from '../api/module.ts';
import type { C2SSession, S2SStream } from '../api/session.ts';
import type {
  ClientDoor,
  ClientStream,
  Framing,
  NonzaHandler,
  NonzaMatch,
  Streams,
  Transport,
} from '../api/stream.ts';
import type { Options } from '../config/options.ts';
import type { Stores } from '../storage/stores.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { Faults } from '../util/faults.ts';
import type { Logger } from '../util/logger.ts';
import type { MetricRegistry, Metrics } from '../util/metrics.ts';
import { SerialQueue } from '../util/serial-queue.ts';
import { type ElementLike, ownElement, type Stanza } from '../xml/element.ts';
import { StanzaError } from '../xml/errors.ts';
import type { Jid } from '../xml/jid.ts';
import { ModuleError } from './errors.ts';
import { HandlerError } from './hooks.ts';
import type { LocalHost } from './host.ts';
import { askOwner, tellAll } from './owners.ts';
import type { Router } from './router.ts';
import { serviceLink } from './services.ts';

export interface InstanceContext {
  readonly router: Router;
  readonly clock: Clock;
  readonly commands: CommandRegistry;
  readonly metrics: MetricRegistry;
  /** The exports of a loaded module, for `module.use`. */
  use(name: string): unknown;
  /** Data that outlives a reload, by module, then by key. */
  readonly kept: Map<string, Map<string, unknown>>;
}

export class ModuleInstance implements Module, Streams {
  readonly definition: ModuleDefinition;
  readonly name: string;
  readonly host: LocalHost;
  readonly log: Logger;
  readonly options: Record<string, never>;
  readonly store: Stores;
  readonly clock: Clock;
  readonly serverClock: Clock;
  readonly metric: Metrics;
  /** The value that the module's `load` returned. */
  exports: unknown;
  readonly #context: InstanceContext;
  readonly #faults: Faults;
  readonly #abort = new AbortController();
  readonly #undo = new Set<() => void | Promise<void>>();
  readonly #serial = new SerialQueue();
  #isFollowing = false;

  constructor(definition: ModuleDefinition, host: LocalHost, context: InstanceContext) {
    this.definition = definition;
    this.name = definition.name;
    this.host = host;
    this.log = host.log.child({ module: definition.name });
    this.#faults = host.faults.loggedBy(this.log);
    this.options = host.config.get(definition.options ?? {}) as Record<string, never>;
    this.store = host.stores;
    this.serverClock = context.clock;
    this.clock = {
      now: () => context.clock.now(),
      elapsed: () => context.clock.elapsed(),
      after: (delayMs, task) => this.after(delayMs, task),
    };
    this.#context = context;
    this.metric = context.metrics.scope({ host: host.domain }, (undo) => this.#owe(undo));
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  hook<N extends EventName>(
    event: N,
    handler: Handler<N>,
    stage: 'guard' | 'rewrite' | 'deliver' = 'deliver',
  ): void {
    this.#owe(this.host.hooks.add(event, handler, stage, this.name));
  }

  observe<N extends EventName>(event: N, observer: Observer<N>): void {
    this.#owe(this.host.hooks.add(event, observer as Handler<N>, 'observe', this.name));
  }

  fire<N extends AnsweredEvent>(event: N, payload: Payload<N>): Answer<N> | undefined {
    try {
      return this.host.hooks.fire(event, payload);
    } catch (thrown) {
      // A StanzaError is a refusal for the caller; other errors stay wrapped, with the name of the failed module.
      throw thrown instanceof HandlerError && thrown.cause instanceof StanzaError ? thrown.cause : thrown;
    }
  }

  ask<N extends AnsweredEvent>(event: N, payload: Payload<N>): Answer<N> | undefined {
    return this.host.hooks.ask(event, payload);
  }

  notify<N extends Notification>(event: N, payload: Payload<N>): void {
    this.host.hooks.notify(event, payload);
  }

  handleIq(match: IqMatch, handler: IqHandler): void {
    this.#owe(this.host.iqHandlers.add(match, handler, this.name));
  }

  handleNonza(match: NonzaMatch, handler: NonzaHandler): void {
    this.#owe(this.host.nonzas.add(match, handler, this.name));
  }

  send(stanza: ElementLike, { overhead = false }: SendOptions = {}): void {
    this.#context.router.route(ownElement(stanza), this.host.origin, overhead);
  }

  sendToAll(stanza: ElementLike, to: Iterable<Jid>): void {
    this.#context.router.routeToAll(ownElement(stanza), to, this.host.origin);
  }

  askIq(iq: ElementLike, question: IqQuestion): AskedIq {
    const { over } = question;
    return this.#context.router.pendingIqs.ask(this, ownElement(iq), question, (request) =>
      over ? over.send(request) : this.send(request),
    );
  }

  followIq(request: Readonly<StanzaEvent<C2SSession>>, onAnswer: FollowIq): boolean {
    const { followedIqs } = this.#context.router;
    if (!this.#isFollowing) this.observe('resource-unbind', ({ session }) => followedIqs.ended(session));
    this.#isFollowing = true;
    return followedIqs.follow(this, request, onAnswer);
  }

  sendIq(iq: ElementLike, options: { timeoutMs?: number } = {}): Promise<Stanza> {
    return this.#context.router.pendingIqs.request(
      this,
      ownElement(iq),
      options,
      (request) => this.send(request),
      this.signal,
    );
  }

  clientStream(transport: Transport, framing: Framing): ClientStream {
    return this.#clients.clientStream(transport, framing);
  }

  acceptClient(stream: ClientStream): void {
    this.#clients.acceptClient(stream);
  }

  get #clients(): ClientDoor {
    const { clients } = this.#context.router;
    if (!clients) throw new Error('This server takes no clients');
    return clients;
  }

  connectRemote(remote: string): Promise<S2SStream> {
    const { remote: links } = this.#context.router;
    if (!links) return Promise.reject(new Error('This server has no links to other servers'));
    return links.connect(this.host.domain, remote);
  }

  link(remote: string): Link {
    const { router, clock } = this.#context;
    const service = router.hosts.get(remote);
    if (service) return serviceLink(service, clock);
    if (!router.remote) throw new Error('This server does not speak to others');
    return router.remote.link(this.host.domain, remote, this);
  }

  local(domain: string): 'users' | 'service' | undefined {
    const kind = this.#context.router.hosts.get(domain)?.kind;
    return kind === undefined ? undefined : kind === 'local' ? 'users' : 'service';
  }

  askOwner(owner: Jid, name: OwnerQuestion, payload: unknown): Promise<never> {
    return askOwner(this.#context, owner, name, payload) as Promise<never>;
  }

  answerFor(name: OwnerQuestion, answer: (owner: Jid, payload: never) => unknown): void {
    const untyped = answer as (owner: Jid, payload: unknown) => unknown;
    this.#owe(this.host.ownerAnswers.add(name, untyped, this.name));
  }

  tellAll<N extends Notification>(event: N, data: Omit<Payload<N>, 'waitUntil'>): Promise<void> {
    return tellAll(this.#context.router, event, data, this.name);
  }

  provide<K extends keyof Items>(list: K, item: Items[K]): void {
    this.#owe(this.host.items.add(list, item));
  }

  items<K extends keyof Items>(list: K): readonly Items[K][] {
    return this.host.items.get(list);
  }

  find<K extends keyof Exports>(module: K): Exports[K] | undefined {
    const { after = [], depends = [] } = this.definition;
    if (!after.includes(module) && !depends.includes(module)) {
      const message = `the module "${this.name}" calls \`find\` for "${module}", which its \`after\` does not name`;
      throw new ModuleError('MODULE_DEPENDENCY_MISSING', this.name, message);
    }
    return this.#context.use(module) as Exports[K] | undefined;
  }

  use<K extends keyof Exports>(module: K): Exports[K] {
    if (!this.definition.depends?.includes(module)) {
      throw new ModuleError(
        'MODULE_DEPENDENCY_MISSING',
        this.name,
        `the module "${this.name}" calls \`use\` for "${module}", which its \`depends\` does not name`,
      );
    }
    return this.#context.use(module) as Exports[K];
  }

  command<const A extends Options>(command: Command<A>): void {
    this.#owe(this.#context.commands.register(command, this.host.domain));
  }

  get commands(): CommandRegistry {
    return this.#context.commands;
  }

  adminOf(who: Jid): 'server' | 'host' | undefined {
    const hosts = [...this.#context.router.hosts.values()].filter(({ kind }) => kind === 'local');
    if (hosts.length > 0 && hosts.every((host) => host.isAdmin(who))) return 'server';
    return this.host.isAdmin(who) ? 'host' : undefined;
  }

  after(delayMs: number, task: () => void | Promise<void>): Timer {
    const timer = this.serverClock.after(delayMs, () => {
      this.#undo.delete(cancel);
      this.#run(task);
    });
    const cancel = () => {
      this.#undo.delete(cancel);
      timer.cancel();
    };
    this.#owe(cancel);
    return { cancel };
  }

  every(intervalMs: number, task: () => void | Promise<void>): Timer {
    let timer: Timer;
    const arm = () => {
      timer = this.after(intervalMs, () => {
        arm();
        return task();
      });
    };
    arm();
    return { cancel: () => timer.cancel() };
  }

  spawn(work: Promise<unknown>): void {
    this.#context.router.work.add(work, this.name);
  }

  report(error: unknown, fields?: object): void {
    this.#faults.report('task', error, fields);
  }

  serial<T>(key: string, task: () => Promise<T>): Promise<T> {
    return this.#serial.run(key, task);
  }

  keep<T>(key: string, create: () => T): T {
    const kept = this.#context.kept.get(this.name) ?? new Map<string, unknown>();
    this.#context.kept.set(this.name, kept);
    if (!kept.has(key)) kept.set(key, create());
    return kept.get(key) as T;
  }

  onUnload(undo: () => void | Promise<void>): void {
    this.#owe(undo);
  }

  /** Records a task for unload. After unload the task runs immediately, for code that is still running. */
  #owe(undo: () => void | Promise<void>): void {
    if (!this.signal.aborted) this.#undo.add(undo);
    else this.#run(undo);
  }

  /** Runs all tasks, the latest first. A failure is logged, and the remaining tasks still run. */
  async unload(): Promise<void> {
    this.#abort.abort(new DOMException(`Module ${this.name} was unloaded`, 'AbortError'));
    this.#context.router.pendingIqs.forget(this);
    this.#context.router.followedIqs.unfollow(this);
    this.#context.router.remote?.forget(this);
    for (const undo of [...this.#undo].reverse()) {
      try {
        await undo();
      } catch (error) {
        this.report(error, { unloading: true });
      }
    }
    this.#undo.clear();
  }

  #run(task: () => void | Promise<void>): void {
    try {
      const work: unknown = task(); // `() => set.add(x)` is a valid task that does not return a promise.
      if (work instanceof Promise) this.spawn(work);
    } catch (error) {
      this.report(error);
    }
  }
}
