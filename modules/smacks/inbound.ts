// The number of handled stanzas of a peer (`h`). A stanza counts when its work and that of all earlier stanzas is done, so
// `h` never includes a stanza that may still be lost.
//
//     h │ [work, 3 behind it] [work, 0] [work, 17 behind it]
//        ◀── counted when the first is done

/** A stanza that is still being handled, and the number of handled ones behind it. */
interface Batch {
  isDone: boolean;
  stanzas: number;
}

/** The counter, as plain data. */
export interface Handled {
  /** Modulo 2^32 (§4). */
  h: number;
}

export interface Inbound extends Handled {
  readonly waiting: Batch[];
  /** The peer has asked while stanzas were being handled. */
  isOwed: boolean;
  /** Sends the owed `<a/>`. */
  readonly tell: () => void;
  /** Called once when all stanzas are handled. */
  whenIdle?: (() => void) | undefined;
}

export function newInbound(tell: () => void, h = 0): Inbound {
  return { h, waiting: [], isOwed: false, tell };
}

/** An Inbound that counts in `handled`. */
export function inboundOver(handled: Handled, tell: () => void): Inbound {
  return {
    get h() {
      return handled.h;
    },
    set h(h) {
      handled.h = h;
    },
    waiting: [],
    isOwed: false,
    tell,
  };
}

/** Counts the next stanza of the peer when `work`, if any, and that of earlier stanzas is done. `work` never rejects. */
export function noteHandled(inbound: Inbound, work: Promise<unknown> | undefined): void {
  const last = inbound.waiting.at(-1);
  if (work === undefined) {
    if (last) last.stanzas++;
    else inbound.h = (inbound.h + 1) >>> 0;
    return;
  }
  const batch = { isDone: false, stanzas: 1 };
  inbound.waiting.push(batch);
  void work.then(() => {
    batch.isDone = true;
    advance(inbound);
  });
}

function advance(inbound: Inbound): void {
  const { waiting } = inbound;
  while (waiting[0]?.isDone) inbound.h = (inbound.h + waiting.shift()!.stanzas) >>> 0;
  if (waiting.length > 0) return;
  if (inbound.isOwed) inbound.tell();
  inbound.isOwed = false;
  const { whenIdle } = inbound;
  inbound.whenIdle = undefined;
  whenIdle?.();
}
