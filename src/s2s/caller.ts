// Opens our stream to another server: decides when, at whose expense, and tells modules that wait for it.

import { moduleAsking } from '../api/payer.ts';
import type { LocalHost } from '../core/host.ts';
import type { Timer } from '../util/clock.ts';
import type { Holder, SharedBudget } from '../util/shared-budget.ts';
import { Outgoing, type OutgoingContext } from './outgoing.ts';
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
  onOpen(session: S2SStream): void;
  onEnd(end: CallEnd): void;
  /** Another attempt may be made. */
  onRetry(): void;
}

/** How a call ended. */
export interface CallEnd {
  readonly call: Outgoing;
  readonly error: Error | undefined;
  /** False if another call had replaced it. */
  readonly isCurrent: boolean;
  /** It served its purpose: it was secured, and no stanza waited for more. */
  readonly wasUsed: boolean;
}

export class Caller {
  readonly #parts: CallerParts;
  /** The current stream of ours, in any state. */
  #call: Outgoing | undefined;
  /** Its session, once the stream is secured. */
  #prepared: S2SStream | undefined;
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
  get call(): Outgoing | undefined {
    return this.#call;
  }

  /** The session of the current stream, if it is secured. It need not be authenticated. */
  get prepared(): S2SStream | undefined {
    this.#forgetUseless();
    return this.#prepared;
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
    return this.#call === undefined && !this.#hasRoom;
  }

  /** Sets whose share the next call uses. While others wait, only a payer with room replaces the present one. */
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

  /** The want is fulfilled or withdrawn. What nobody else needs goes on: it may serve the next one. */
  unwant(): void {
    this.#onWantFailed = undefined;
    if (!this.isAwaited && this.#parts.queued() === 0) this.#cancelRetry();
  }

  /** Calls the peer because a stream is needed: `now`, or when the back-off and the limits allow it. */
  demand({ now = false } = {}): void {
    this.#forgetUseless();
    const { context, reachability, onRetry } = this.#parts;
    const pauseMs = now ? 0 : reachability.retryAt - context.clock.elapsed();
    const isFull = !this.#hasRoom;
    if (this.#call || (!isFull && pauseMs <= 0)) {
      const call = this.#ensureCall();
      if (this.#needsOpen) call.authenticate();
      return;
    }
    this.#retry ??= context.clock.after(Math.max(pauseMs, isFull ? FULL_MS : 0), () => {
      this.#retry = undefined;
      onRetry();
    });
  }

  /**
   * Gives up our call because a stream of the peer carries our stanzas. Keeps a call that is being authenticated, since the
   * peer may use it already, and one that a module has asked for.
   */
  retract(): void {
    const isUnasked = this.#prepared === undefined && this.#askers.length === 0;
    if (this.#call?.retract() && isUnasked) this.#call.close();
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
    return this.#parts.queued() > 0 || this.#onWantFailed !== undefined;
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

  /** Forgets a stream that is closing, so that its successor can be made before it has ended. */
  #forgetUseless(): void {
    if (this.#call?.isUsable !== false) return;
    this.#call = undefined;
    this.#prepared = undefined;
  }

  #ensureCall(): Outgoing {
    if (this.#call) return this.#call;
    this.#cancelRetry();
    const { host, remote, context, onOpen } = this.#parts;
    const call: Outgoing = new Outgoing(host, remote, context, this.#place(), {
      onPrepared: (session) => {
        if (this.#call === call) this.#onPrepared(session, call);
      },
      onOpen,
      onEnd: (error) => this.#onEnd(error, call),
    });
    this.#call = call;
    return call;
  }

  /** Takes a place among the calls under way; the returned function gives it back. */
  #place(): () => void {
    const { calls } = this.#parts;
    const payer = this.#payer;
    calls.force(payer, 1);
    return () => calls.give(payer, 1);
  }

  #onPrepared(session: S2SStream, call: Outgoing): void {
    this.#prepared = session;
    for (const asker of this.#askers.splice(0)) asker.resolve(session);
    this.#parts.context.clock.after(UNUSED_MS, () => {
      if (this.#call === call && session.remotes.size === 0 && !this.#needsOpen) call.close();
    });
  }

  #onEnd(error: Error | undefined, call: Outgoing): void {
    const isCurrent = this.#call === call;
    const wasUsed = isCurrent && this.#prepared !== undefined && !this.#needsOpen;
    if (isCurrent) {
      this.#call = undefined;
      this.#prepared = undefined;
    }
    this.#parts.onEnd({ call, error, isCurrent, wasUsed });
  }
}
