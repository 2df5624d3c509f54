// The definition of a module, and the server as a module sees it.

import type { Command, CommandRegistry } from '../admin/commands.ts';
import type { Infer, Options } from '../config/options.ts';
import type { Stores } from '../storage/stores.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { Logger } from '../util/logger.ts';
import type { Metrics } from '../util/metrics.ts';
import type { Element, ElementLike, Stanza } from '../xml/element.ts';
import type { Jid } from '../xml/jid.ts';
import type {
  Answer,
  AnsweredEvent,
  Event,
  EventName,
  Handler,
  Notification,
  Observer,
  Payload,
  StanzaEvent,
} from './events.ts';
import type { AskedIq, FollowIq, IqQuestion } from './iq.ts';
import type { Link } from './link.ts';
import type { C2SSession, Host, Origin } from './session.ts';

/** The interfaces of modules for other modules, by module name. The owner declares its own; `module.use` returns it. */
// biome-ignore lint/suspicious/noEmptyInterface: each module merges its own into it
export interface Exports {}

/**
 * Questions about an owner (a user, a room), by name: `Event<payload, answer>`, both of them plain data. Modules add
 * theirs; `module.askOwner` asks, `module.answerFor` answers.
 */
// biome-ignore lint/suspicious/noEmptyInterface: each module merges its own into it
export interface OwnerQuestions {}
export type OwnerQuestion = keyof OwnerQuestions & string;
type Asked<N extends OwnerQuestion> = OwnerQuestions[N] extends Event<infer P, unknown> ? P : never;
type Answered<N extends OwnerQuestion> = OwnerQuestions[N] extends Event<unknown, infer A> ? A : never;

/** The lists that modules extend with `module.provide`, by name, and the type of their items. */
export interface Items {
  'disco-feature': string;
  'disco-identity': { readonly category: string; readonly type: string; readonly name?: string };
  /** A service of the host, such as its rooms (XEP-0030 §4.1). */
  'disco-item': { readonly jid: string; readonly node?: string; readonly name?: string };
}

export interface SendOptions {
  /** The stanza serves a link with another server: it does not count as use of a stream. */
  readonly overhead?: boolean;
}

export interface IqRequest {
  readonly stanza: Stanza;
  /** The one child of the request. */
  readonly payload: Element;
  readonly from: Jid;
  readonly to: Jid;
  readonly origin: Origin;
}
/** Returns the child of the result, or nothing for an empty result. Throws a StanzaError to refuse. */
export type IqHandler = (request: IqRequest) => ElementLike | void | Promise<ElementLike | void>;

export interface IqMatch {
  readonly type: 'get' | 'set';
  readonly to: readonly ('host' | 'bare' | 'self')[];
  readonly name: string;
  readonly xmlns: string;
}

/** One module on one host. Whatever is registered through it is undone when the module unloads. */
export interface Module<O extends Options = Options> {
  readonly name: string;
  readonly host: Host;
  readonly log: Logger;
  readonly options: Infer<O>;
  readonly store: Stores;
  /** Its timers end when the module unloads. */
  readonly clock: Clock;
  /** What this module counts and measures, on this host; `enjamb metrics` prints it. */
  readonly metric: Metrics;
  /** Aborted at unload. */
  readonly signal: AbortSignal;

  /** Handles an event. Stages exist only for events with answers; the default is `deliver`. */
  hook<N extends AnsweredEvent>(event: N, handler: Handler<N>, stage?: 'guard' | 'rewrite' | 'deliver'): void;
  hook<N extends EventName>(event: N, handler: Handler<N>): void;
  /** Observes an event without changing or ending it; in the stage `observe` if the event has stages. */
  observe<N extends EventName>(event: N, observer: Observer<N>): void;
  /**
   * Fires an event that handlers may answer, refuse or change.
   * @throws StanzaError with which a handler refuses; another error for a handler that fails
   */
  fire<N extends AnsweredEvent>(event: N, payload: Payload<N>): Answer<N> | undefined;
  /** Asks the other modules of this host. The answer of a handler that throws is undefined; its error is logged. */
  ask<N extends AnsweredEvent>(event: N, payload: Payload<N>): Answer<N> | undefined;
  /** Notifies the modules of this host. The exception of a handler is logged, and the other handlers still run. */
  notify<N extends Notification>(event: N, payload: Payload<N>): void;

  /**
   * Registers the one handler for a kind of request (RFC 6120 §8.2.3). `self`: the sender's own account, `bare`:
   * any account or room (the sender's own too, if no module handles `self`), `host`: the domain itself.
   * @throws ModuleError when another module handles it already.
   */
  handleIq(match: IqMatch, handler: IqHandler): void;

  /** Routes a stanza with this host as origin. Modules are trusted: any `from` of this host passes. */
  send(stanza: ElementLike, options?: SendOptions): void;
  /**
   * Routes a copy of a stanza to each address, in this tick. The children are serialised once for all copies, and must not
   * change any more.
   * @throws TypeError when the stanza has no sender
   */
  sendToAll(stanza: ElementLike, to: Iterable<Jid>): void;
  /**
   * Sends a request from this host, or from a session of it. Only this module receives the answer; after it has unloaded,
   * the answer is dropped.
   * @throws StanzaError 'resource-constraint' beyond the quota, or when too many requests are pending
   */
  askIq(iq: ElementLike, question: IqQuestion): AskedIq;
  /**
   * As `askIq`; resolves with the result.
   * @throws StanzaError the peer's error; IqTimeoutError after `timeoutMs` (default 30 s); AbortError at unload.
   */
  sendIq(iq: ElementLike, options?: { timeoutMs?: number }): Promise<Stanza>;
  /**
   * Follows a client's request from its `pre-iq/…` event: the request passes unchanged, and `onAnswer` receives the answer
   * before all hooks. `onAnswer` receives `timeout` after 10 minutes, when the session has ended, and when 100 newer requests
   * of the session are followed. Returns false if the request is not followed, because its id is longer than 256 characters.
   */
  followIq(request: Readonly<StanzaEvent<C2SSession>>, onAnswer: FollowIq): boolean;

  /** The link between this host and a remote domain, or a service of this server. */
  link(remote: string): Link;

  /** The kind of one of our domains; `undefined` for a domain that is not ours. */
  local(domain: string): 'users' | 'service' | undefined;
  /**
   * Asks the host of a user or a room, which may be another host than this one. Never resolves in the same tick. `undefined`:
   * the domain is not ours, no module answers, the answer fails, or it takes longer than 5 s.
   * @throws TypeError when the payload is no plain data.
   */
  askOwner<N extends OwnerQuestion>(owner: Jid, name: N, payload: Asked<N>): Promise<Answered<N> | undefined>;
  /**
   * Answers `askOwner` for the owners of this host.
   * @throws ModuleError when another module answers it already.
   */
  answerFor<N extends OwnerQuestion>(
    name: N,
    answer: (owner: Jid, payload: Asked<N>) => Answered<N> | undefined | Promise<Answered<N> | undefined>,
  ): void;
  /**
   * Notifies the modules of all our hosts, not in the same tick. Settles with the work that handlers give to
   * `waitUntil`; failures are logged.
   * @throws TypeError when the data is not plain.
   */
  tellAll<N extends Notification>(event: N, data: Omit<Payload<N>, 'waitUntil'>): Promise<void>;

  provide<K extends keyof Items>(list: K, item: Items[K]): void;
  items<K extends keyof Items>(list: K): readonly Items[K][];
  /** The value that another module returned from its `load`. This module's `depends` must name that module. */
  use<K extends keyof Exports>(module: K): Exports[K];
  /** The same for a module in `after`; `undefined` while it is not loaded. Call it each time, since that may change. */
  find<K extends keyof Exports>(module: K): Exports[K] | undefined;
  /** Declares something that administrators can do; appears as `enjamb NAME …`. */
  command<const A extends Options>(command: Command<A>): void;
  /** All commands of administrators. A module that runs one must first check the rights of the requester (`adminOf`). */
  readonly commands: Pick<CommandRegistry, 'offers' | 'run'>;
  /** The rights of an account by the option `admins`: over this host, or over the `server` (every host with users). */
  adminOf(who: Jid): 'server' | 'host' | undefined;

  after(delayMs: number, task: () => void | Promise<void>): Timer;
  every(intervalMs: number, task: () => void | Promise<void>): Timer;
  /** Runs work that nothing awaits. Its failure is logged under this module's name; its abort at unload is not. */
  spawn(work: Promise<unknown>): void;
  /** Logs and counts an unexpected exception that the module has caught. */
  report(error: unknown, fields?: object): void;
  /** Runs async tasks one at a time per key, in call order. */
  serial<T>(key: string, task: () => Promise<T>): Promise<T>;
  /** Plain data that survives a reload of this module: `module.keep('rooms', () => new Map())`. */
  keep<T>(key: string, create: () => T): T;
  onUnload(undo: () => void | Promise<void>): void;
}

export interface ModuleDefinition<O extends Options = Options, X = unknown> {
  /** snake_case; the file name and the word in `modules_enabled`. */
  readonly name: string;
  /** One line, for the generated module list. */
  readonly summary: string;
  /** Specifications with their version, e.g. `['XEP-0199 2.0.1']`. */
  readonly implements?: readonly string[];
  /** Where it may run: `local` users' host (default), `component`, or either (`host`). */
  readonly scope?: 'local' | 'component' | 'host';
  /**
   * Where it runs unless the configuration says otherwise: `local`, hosts with users; `component`, services that a module
   * provides; or one kind of component, such as `muc` or `external`. Default: nowhere.
   */
  readonly enabledOn?: readonly string[];
  /**
   * Modules with which this one is enabled: it runs wherever the configuration enables one of them, unless
   * `modules_disabled` names it. Default: none.
   */
  readonly enabledWith?: readonly string[];
  /** Runs also where `modules_enabled` does not name it, on the hosts of `enabledOn`; `modules_disabled` removes it. */
  readonly essential?: boolean;
  /** The kind of component that this module makes of a host: the word after `component =`. It always runs there. */
  readonly serves?: string;
  /** Modules loaded before this one and reloaded with it. */
  readonly depends?: readonly string[];
  /** Modules whose handlers run before, or after, those of this one. Order only: it needs none of them. */
  readonly after?: readonly string[];
  readonly before?: readonly string[];
  readonly options?: O;
  /** The `API_VERSION` that it was written for. A server with another one does not load it. */
  readonly apiVersion?: number;
  /** Runs once per host. `module.use(name)` returns its result to other modules. */
  load(module: Module<O>): X | Promise<X>;
}

/** Infers the types of a definition, and returns it unchanged. */
// biome-ignore lint/complexity/noBannedTypes: no options at all is the default
export function defineModule<const O extends Options = {}, X = void>(
  definition: ModuleDefinition<O, X>,
): ModuleDefinition<O, X> {
  return definition;
}
