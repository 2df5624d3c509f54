// What of a stream's traffic was ours. A stream that only our questions have opened says nothing when it closes for
// lack of traffic: to ask again would open the next one, and so on for ever.

import type { S2SCloseCause, S2SSession } from 'enjamb/api';

declare module 'enjamb/api' {
  interface S2SState {
    /** Stanzas of this stream that ping_muc has caused. Owned by ping_muc. */
    pingMuc?: { in: number; out: number };
  }
}

/** Answers to relayed pings that have not left yet; more than that at once are not told apart. */
const MAX_REPLIES = 10_000;

export class OwnTraffic {
  readonly #replies = new Set<string>();

  /** The answer to a relayed ping is about to be sent. */
  expect(id: string | undefined): void {
    if (id !== undefined && this.#replies.size < MAX_REPLIES) this.#replies.add(id);
  }

  isReply(id: string | undefined): boolean {
    return id !== undefined && this.#replies.delete(id);
  }

  sent({ state }: S2SSession): void {
    state.pingMuc ??= { in: 0, out: 0 };
    state.pingMuc.out++;
  }

  received({ state }: S2SSession): void {
    state.pingMuc ??= { in: 0, out: 0 };
    state.pingMuc.in++;
  }

  /** Whether nobody but us has used this stream, and it has ended in order. */
  isIrrelevant(session: S2SSession, cause: S2SCloseCause): boolean {
    if (cause !== 'clean' && cause !== 'idle') return false;
    const { in: ours = 0, out: own = 0 } = session.state.pingMuc ?? {};
    return session.stanzasIn === ours && session.stanzasOut === own;
  }
}
