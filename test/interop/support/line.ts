// A TCP proxy that forwards, drops, cuts or refuses.

import { once } from 'node:events';
import { createServer, type Server, Socket } from 'node:net';
import { atEnd, type Clean } from '../../support/clean-up.ts';
import { BETWEEN } from './addresses.ts';

/**
 * forward: passes bytes on. drop: discards bytes silently, and accepts connections. refuse: closes new connections
 * immediately, and leaves existing ones open.
 */
export type LineState = 'forward' | 'drop' | 'refuse';

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  /** Whether bytes were dropped, so that the connection cannot continue. */
  isBroken: boolean;
}

export class Line {
  readonly #server: Server;
  readonly #target: { address: string; port: number };
  readonly #pairs = new Set<Pair>();
  #state: LineState = 'forward';
  /** Connections that were opened through it. */
  opened = 0;
  /** The number of dropped bytes. */
  dropped = 0;

  private constructor(target: { address: string; port: number }) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (near) => this.#accept(near));
  }

  /** Listens until the test ends. @param port 0: any */
  static async start(t: Clean, target: { address: string; port: number }, port = 0): Promise<Line> {
    const line = new Line(target);
    line.#server.listen(port, BETWEEN);
    await once(line.#server, 'listening');
    atEnd(t, () => {
      line.cut('reset');
      line.#server.close();
    });
    return line;
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  get state(): LineState {
    return this.#state;
  }

  /** When the line heals, resets connections that lost bytes, like the systems at both ends would. */
  set state(state: LineState) {
    this.#state = state;
    if (state !== 'forward') return;
    for (const pair of this.#pairs) if (pair.isBroken) reset(pair);
  }

  /** Ends all connections, at both ends. */
  cut(how: 'reset' | 'finish'): void {
    for (const pair of this.#pairs) {
      if (how === 'reset') reset(pair);
      else for (const socket of [pair.near, pair.far]) socket.end();
    }
  }

  /** Resets all connections for the side that opened them; the other side notices nothing. */
  cutNear(): void {
    for (const pair of this.#pairs) this.#cutOne(pair, pair.near);
  }

  /** Resets all connections for the side that accepted them; the other side notices nothing. */
  cutFar(): void {
    for (const pair of this.#pairs) this.#cutOne(pair, pair.far);
  }

  #cutOne(pair: Pair, socket: Socket): void {
    pair.isBroken = true;
    end(socket);
  }

  #accept(near: Socket): void {
    this.opened++;
    if (this.#state === 'refuse') {
      near.on('error', () => {});
      end(near);
      return;
    }
    const far = new Socket({ allowHalfOpen: true });
    const pair: Pair = { near, far, isBroken: false };
    this.#pairs.add(pair);
    if (!this.#loses(pair)) far.connect(this.#target.port, this.#target.address);
    this.#pass(pair, near, far);
    this.#pass(pair, far, near);
  }

  #pass(pair: Pair, from: Socket, to: Socket): void {
    from.on('data', (bytes: Buffer) => {
      if (this.#loses(pair)) this.dropped += bytes.length;
      else if (!to.write(bytes)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    });
    from.on('end', () => {
      if (!this.#loses(pair)) to.end();
    });
    from.on('error', () => {
      if (!this.#loses(pair)) reset(pair);
    });
    from.on('close', () => {
      if (pair.near.destroyed && pair.far.destroyed) this.#pairs.delete(pair);
    });
    from.resume();
  }

  #loses(pair: Pair): boolean {
    if (this.#state === 'drop') pair.isBroken = true;
    return pair.isBroken;
  }
}

function reset({ near, far }: Pair): void {
  end(near);
  end(far);
}

/** With a reset where there is a connection. */
function end(socket: Socket): void {
  if (socket.pending || socket.destroyed) socket.destroy();
  else socket.resetAndDestroy();
}
