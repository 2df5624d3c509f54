// The stream that we make to another server: when it is made, for whom, and who waits for it.

import { MODULES } from '../api/payer.ts';
import type { LocalHost } from '../core/host.ts';
import type { Timer } from '../util/clock.ts';
import type { Holder, SharedBudget } from '../util/shared-budget.ts';
import type { Outage } from './outage.ts';
import { Outgoing, type OutgoingContext } from './outgoing.ts';
import type { S2SSession } from './session.ts';

/** A stream that was only made to ask something is closed after that, before its negotiation times out. */
const UNUSED_MS = 22_000;
/** Until the next look whether a call may be made. */
const FULL_MS = 1_000;

export interface CallerParts {
  readonly host: LocalHost;
  readonly remote: string;
  readonly context: OutgoingContext;
  /** Shared by all routes. */
  readonly calls: SharedBudget;
  readonly outage: Outage;
  /** How many stanzas wait for a stream. */
  queued(): number;
  onOpen(session: S2SSession): void;
  onEnd(end: CallEnd): void;
  /** Another attempt may be made. */
  onRetry(): void;
}

/** How a call ended. */
export interface CallEnd {
  readonly call: Outgoing;
  readonly error: Error | undefined;
  /** No other call had taken its place. */
  readonly isCurrent: boolean;
  /** It got as far as it was needed: who only asked something has asked it. */
  readonly wasUsed: boolean;
}

export class Caller {
  readonly #parts: CallerParts;
  /** The stream that we are making, or have made last. */
  #call: Outgoing | undefined;
  /** It is as secure as it will be. */
  #prepared: S2SSession | undefined;
  #askers: PromiseWithResolvers<S2SSession>[] = [];
  #retry: Timer | undefined;
  #payer: Holder = MODULES;

  constructor(parts: CallerParts) {
    this.#parts = parts;
  }

  /** The stream of ours, whatever state it is in. */
  get call(): Outgoing | undefined {
    return this.#call;
  }

  /** Secured, and perhaps not authenticated. */
  get prepared(): S2SSession | undefined {
    this.#forgetUseless();
    return this.#prepared;
  }

  /** Modules wait for a stream. */
  get isAwaited(): boolean {
    return this.#askers.length > 0;
  }

  /** An attempt is planned. */
  get isRetrying(): boolean {
    return this.#retry !== undefined;
  }

  /** Whether a new call would be one too many, in total or for those on whose behalf it is made. */
  get isHeldBack(): boolean {
    return this.#call === undefined && !this.#hasRoom;
  }

  /** Another wants a call, and is about to wait: the next one is made on its behalf, unless only those who wait may call. */
  chargeTo(payer: Holder): void {
    const doOthersWait = this.isAwaited || this.#parts.queued() > 0;
    if (!doOthersWait || this.#mayCall(payer)) this.#payer = payer;
  }

  /** A stream once it is secured. @throws Error when it cannot be made. */
  ask(): Promise<S2SSession> {
    const asker = Promise.withResolvers<S2SSession>();
    this.#askers.push(asker);
    this.demand();
    return asker.promise;
  }

  /** A stream is needed: calls the peer, or will. */
  demand(): void {
    this.#forgetUseless();
    const { context, outage, queued, onRetry } = this.#parts;
    const pauseMs = outage.retryAt - context.clock.elapsed();
    const isFull = !this.#hasRoom;
    if (this.#call || (!isFull && pauseMs <= 0)) {
      const call = this.#ensureCall();
      if (queued() > 0) call.authenticate();
      return;
    }
    this.#retry ??= context.clock.after(Math.max(pauseMs, isFull ? FULL_MS : 0), () => {
      this.#retry = undefined;
      onRetry();
    });
  }

  /**
   * The peer's stream carries. One of ours that is being authenticated may be carrying for the peer already, so it is
   * left to be; and one that a module has asked for, too.
   */
  retract(): void {
    const isUnasked = this.#prepared === undefined && this.#askers.length === 0;
    if (this.#call?.retract() && isUnasked) this.#call.close();
  }

  /** No attempt follows. */
  giveUp(reason: Error): void {
    this.#cancelRetry();
    for (const asker of this.#askers.splice(0)) asker.reject(reason);
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

  /** A stream that is closing need not have ended for its successor to be made. */
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

  /** Takes a place among the calls under way, and returns what gives it back. */
  #place(): () => void {
    const { calls } = this.#parts;
    const payer = this.#payer;
    calls.force(payer, 1);
    return () => calls.give(payer, 1);
  }

  #onPrepared(session: S2SSession, call: Outgoing): void {
    this.#prepared = session;
    for (const asker of this.#askers.splice(0)) asker.resolve(session);
    this.#parts.context.clock.after(UNUSED_MS, () => {
      if (this.#call === call && session.remotes.size === 0 && this.#parts.queued() === 0) call.close();
    });
  }

  #onEnd(error: Error | undefined, call: Outgoing): void {
    const isCurrent = this.#call === call;
    const wasUsed = isCurrent && this.#prepared !== undefined && this.#parts.queued() === 0;
    if (isCurrent) {
      this.#call = undefined;
      this.#prepared = undefined;
    }
    this.#parts.onEnd({ call, error, isCurrent, wasUsed });
  }
}
