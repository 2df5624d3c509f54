// Opens our one stream to a remote: decides when and at whose expense, and tells the modules that wait for it.

import { moduleAsking } from '../api/payer.ts';
import type { LocalHost } from '../core/host.ts';
import type { Timer } from '../util/clock.ts';
import type { Holder, SharedBudget } from '../util/shared-budget.ts';
import { type Call, type CallEvent, step } from './call.ts';
import { LinkError, Outgoing, type OutgoingContext } from './outgoing.ts';
import type { Reachability } from './reachability.ts';
import type { S2SStream } from './stream.ts';

/** An unused stream is closed after this time, before its negotiation times out. */
const UNUSED_MS = 22_000;
/** Pause before the next attempt while too many calls are under way. */
const FULL_MS = 1_000;

export interface CallerParts {
  readonly host: LocalHost;
  readonly remote: string;
  readonly context: OutgoingContext;
  /** Shared by all links. */
  readonly calls: SharedBudget;
  readonly reachability: Reachability;
  /** The number of stanzas that wait for a stream. */
  queued(): number;
  /** Whether a stream carries our stanzas, or starts to. */
  isServed(): boolean;
  onAuthenticated(stream: S2SStream, remote: string, local: string): void;
  onOpen(stream: S2SStream): void;
  onEnd(end: CallEnd): void;
  /** Another attempt may be made. */
  onRetry(): void;
}

/** How a call ended. */
export interface CallEnd {
  readonly outgoing: Outgoing;
  readonly error: Error | undefined;
  /**
   * `replaced`: a newer call has taken its place. `closed`: it was open before. `unneeded`: it was secured, and no module or
   * stanza needed authentication. `failed`: all other cases.
   */
  readonly outcome: 'replaced' | 'closed' | 'unneeded' | 'failed';
}

export class Caller {
  readonly #parts: CallerParts;
  #call: Call<Outgoing> = { is: 'none' };
  #askers: PromiseWithResolvers<S2SStream>[] = [];
  #retry: Timer | undefined;
  #payer: Holder;
  /** Called when the attempt that modules want has ended without an open stream. */
  #onWantFailed: (() => void) | undefined;

  constructor(parts: CallerParts) {
    this.#parts = parts;
    this.#payer = moduleAsking(parts.remote);
  }

  /** The current stream of ours, in any state. */
  get outgoing(): Outgoing | undefined {
    return this.#call.is === 'none' ? undefined : this.#call.outgoing;
  }

  /** The current stream, if it is secured. It need not be authenticated. */
  get prepared(): S2SStream | undefined {
    this.#forgetUseless();
    const call = this.#call;
    return call.is === 'none' || isUnsecured(call) ? undefined : call.outgoing.stream;
  }

  /** Whether modules wait for a stream. */
  get isAwaited(): boolean {
    return this.#askers.length > 0 || this.#onWantFailed !== undefined;
  }

  /** Whether a retry is scheduled. */
  get isRetrying(): boolean {
    return this.#retry !== undefined;
  }

  /** Whether a new call has no room, in the total or in the payer's share. */
  get isHeldBack(): boolean {
    return this.#call.is === 'none' && !this.#hasRoom;
  }

  /** Sets the payer of the next call. While other requests wait, only a payer with free share replaces the present one. */
  chargeTo(payer: Holder): void {
    const doOthersWait = this.isAwaited || this.#parts.queued() > 0;
    if (!doOthersWait || this.#mayCall(payer)) this.#payer = payer;
  }

  /** Resolves to a secured stream. @throws Error when it cannot be made */
  ask(): Promise<S2SStream> {
    const asker = Promise.withResolvers<S2SStream>();
    this.#askers.push(asker);
    this.demand();
    return asker.promise;
  }

  /**
   * Makes one attempt to open an authenticated stream, now unless a retry is scheduled or the limits forbid it. Calls
   * `failed` when it has ended without one. At most one want at a time.
   */
  want(failed: () => void): void {
    this.#onWantFailed = failed;
    if (!this.isRetrying) this.demand({ now: true });
  }

  /** The want is fulfilled or withdrawn. The call goes on: it may serve the next want. */
  unwant(): void {
    this.#onWantFailed = undefined;
    if (!this.isAwaited && this.#parts.queued() === 0) this.#cancelRetry();
  }

  /** Calls the remote because a stream is needed: `now`, or when the back-off and the limits allow it. */
  demand({ now = false } = {}): void {
    this.#forgetUseless();
    const { context, reachability, onRetry } = this.#parts;
    const pauseMs = now ? 0 : reachability.retryAt - context.clock.elapsed();
    const isFull = !this.#hasRoom;
    if (this.#call.is !== 'none' || (!isFull && pauseMs <= 0)) {
      const outgoing = this.outgoing ?? this.#dial();
      if (this.#needsOpen) this.#on('needed', outgoing);
      return;
    }
    this.#retry ??= context.clock.after(Math.max(pauseMs, isFull ? FULL_MS : 0), () => {
      this.#retry = undefined;
      onRetry();
    });
  }

  /**
   * Another stream carries our stanzas. Keeps a call that is being authenticated, since the remote may use it already, and
   * one that a module has asked for.
   */
  spare(): void {
    const { outgoing } = this;
    if (!outgoing) return;
    this.#on('spared', outgoing);
    if (isUnsecured(this.#call) && this.#askers.length === 0) outgoing.close();
  }

  /** Cancels the retry, and tells the modules that wait. */
  giveUp(reason: Error): void {
    this.#cancelRetry();
    for (const asker of this.#askers.splice(0)) asker.reject(reason);
    const failed = this.#onWantFailed;
    this.#onWantFailed = undefined;
    failed?.();
  }

  /** Whether the stream has to be authenticated: some modules only need it secured. */
  get #needsOpen(): boolean {
    const { queued, isServed } = this.#parts;
    return (queued() > 0 && !isServed()) || this.#onWantFailed !== undefined;
  }

  get #hasRoom(): boolean {
    return this.#mayCall(this.#payer);
  }

  #mayCall(payer: Holder): boolean {
    return this.#parts.calls.obstacle(payer, 1) === undefined;
  }

  #cancelRetry(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
  }

  /** Enters the next state of the call (call.ts). */
  #on(event: CallEvent, outgoing: Outgoing): void {
    const before = this.#call;
    this.#call = step(before, event, outgoing);
    if (this.#call.is === 'authenticating' && before.is !== 'authenticating') outgoing.authenticate();
  }

  /** Forgets a stream that is closing, so that its successor can be made before it has ended. */
  #forgetUseless(): void {
    const { outgoing } = this;
    if (outgoing?.isUsable === false) this.#on('over', outgoing);
  }

  #dial(): Outgoing {
    this.#cancelRetry();
    const { host, remote, context, onAuthenticated, onOpen } = this.#parts;
    const outgoing: Outgoing = new Outgoing(host, remote, context, this.#takePlace(), {
      onPrepared: (stream) => this.#onPrepared(stream, outgoing),
      onAuthenticated,
      onOpen: (stream) => {
        this.#on('opened', outgoing);
        onOpen(stream);
      },
      onEnd: (error) => this.#onEnd(error, outgoing),
    });
    this.#on('dialled', outgoing);
    return outgoing;
  }

  /** Takes a place among the pending calls; the returned function releases it. */
  #takePlace(): () => void {
    const { calls } = this.#parts;
    const payer = this.#payer;
    calls.force(payer, 1);
    return () => calls.give(payer, 1);
  }

  #onPrepared(stream: S2SStream, outgoing: Outgoing): void {
    if (this.outgoing !== outgoing) return;
    for (const asker of this.#askers.splice(0)) asker.resolve(stream);
    this.#parts.context.clock.after(UNUSED_MS, () => {
      if (this.outgoing === outgoing && stream.remotes.size === 0 && !this.#needsOpen) outgoing.close();
    });
    this.#on('secured', outgoing);
  }

  #onEnd(error: Error | undefined, outgoing: Outgoing): void {
    const outcome = this.#outcomeOf(outgoing);
    this.#on('over', outgoing);
    if (outcome !== 'replaced') this.giveUp(error ?? new LinkError('the stream was closed'));
    this.#parts.onEnd({ outgoing, error, outcome });
  }

  #outcomeOf(outgoing: Outgoing): CallEnd['outcome'] {
    if (this.outgoing !== outgoing) return 'replaced';
    if (this.#call.is === 'open') return 'closed';
    return isUnsecured(this.#call) || this.#needsOpen ? 'failed' : 'unneeded';
  }
}

function isUnsecured({ is }: Call<Outgoing>): boolean {
  return is === 'dialling' || is === 'opening';
}
