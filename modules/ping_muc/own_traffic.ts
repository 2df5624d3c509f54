// What of a stream's traffic was ours. A stream that only our questions have opened says nothing when it closes for
// lack of traffic: to ask again would open the next one, and so on for ever.

import { type Element, NS, type S2SCloseCause, type S2SStream, StreamError } from 'enjamb/api';

declare module 'enjamb/api' {
  interface S2SState {
    /** Stanzas of this stream that ping_muc has caused. Owned by ping_muc. */
    pingMuc?: { in: number; out: number };
  }
}

export class OwnTraffic {
  /** Stanzas themselves, not their ids: those are the other side's to choose, as many and as long as it likes. */
  readonly #replies = new WeakSet<Element>();

  /** The answer to a relayed ping is about to be sent. */
  expect(reply: Element): void {
    this.#replies.add(reply);
  }

  isReply(element: Element): boolean {
    return this.#replies.has(element);
  }

  /** Servers that ask each other whether they are there; nobody else hears of it. */
  isSignOfLife({ name, attrs: { type, from, to }, children }: Element): boolean {
    if (name !== 'iq' || isOfSomebody(from) || isOfSomebody(to)) return false;
    const [child] = children;
    if (type === 'result' || type === 'error') return type === 'error' || child === undefined;
    return type === 'get' && typeof child === 'object' && child.is('ping', NS.PING);
  }

  sent({ state }: S2SStream): void {
    state.pingMuc ??= { in: 0, out: 0 };
    state.pingMuc.out++;
  }

  received({ state }: S2SStream): void {
    state.pingMuc ??= { in: 0, out: 0 };
    state.pingMuc.in++;
  }

  /** Whether nobody but us has used this stream, and it has ended in order or for lack of traffic. */
  isIrrelevant(session: S2SStream, cause: S2SCloseCause, error: Error | undefined): boolean {
    if (cause !== 'clean' && cause !== 'idle' && !isIdleError(cause, error)) return false;
    const { pingMuc, keepalive } = session.state;
    const answers = (pingMuc?.in ?? 0) + (keepalive?.answered ?? 0);
    const questions = (pingMuc?.out ?? 0) + (keepalive?.asked ?? 0);
    return session.stanzasIn === answers && session.stanzasOut === questions;
  }
}

/** A peer may end an idle stream by an error (RFC 6120 §4.9.3.4), as ejabberd does. */
function isIdleError(cause: S2SCloseCause, error: Error | undefined): boolean {
  return cause === 'stream-error' && error instanceof StreamError && error.condition === 'connection-timeout';
}

function isOfSomebody(address = ''): boolean {
  return address.includes('@');
}
