// The client side of the admin socket.

import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { CommandError, type CommandErrorCode, type CommandResult } from './commands.ts';
import { type AdminResponse, parseObject, readLines, SOCKET_NAME } from './protocol.ts';

/** A response may hold a long listing. */
const MAX_RESPONSE_BYTES = 256 * 1024 * 1024;

interface Waiting {
  resolve(result: CommandResult): void;
  reject(error: Error): void;
}

/** A connection with a running server. */
export class AdminClient {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('close', () =>
      this.#fail('the server stopped before it answered; look at its log for the reason'),
    );
    readLines(
      socket,
      MAX_RESPONSE_BYTES,
      (line) => this.#receive(line),
      () => socket.destroy(),
    );
  }

  /**
   * Connects to the server that uses a data directory; `undefined` when none is running.
   * @throws CommandError when a server is running but the socket cannot be used.
   */
  static async connect(dataPath: string): Promise<AdminClient | undefined> {
    const socket = await open(join(dataPath, SOCKET_NAME));
    return socket === undefined ? undefined : new AdminClient(socket);
  }

  /**
   * Runs a command.
   * @throws CommandError with the server's error, or when the server closes the connection.
   */
  run(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<CommandResult> {
    if (!this.#socket.writable)
      return Promise.reject(new CommandError('the server has stopped; look at its log for the reason'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(`${JSON.stringify({ id, command, args })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(line: string): void {
    const response = parseObject(line) as AdminResponse | undefined;
    if (response === undefined) return;
    if (response.id === null) {
      this.#fail(response.ok ? 'the server sent an unexpected response' : response.error.message);
      return;
    }
    const waiting = this.#waiting.get(Number(response.id));
    this.#waiting.delete(Number(response.id));
    if (response.ok) waiting?.resolve(response.result);
    else
      waiting?.reject(
        new CommandError(response.error.message, response.error.code satisfies CommandErrorCode),
      );
  }

  /** Rejects all pending requests. */
  #fail(message: string): void {
    for (const waiting of this.#waiting.values()) waiting.reject(new CommandError(message));
    this.#waiting.clear();
  }
}

function open(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else if (error.code === 'EACCES')
        reject(
          new CommandError(
            `only the user that runs the server may use ${path}: run this command as that user`,
          ),
        );
      else reject(new CommandError(`cannot reach the server at ${path}: ${error.message}`));
    });
  });
}
