// The server side of the admin socket: a Unix socket in the data directory that only its owner can open.

import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { Faults } from '../util/faults.ts';
import { inWords } from '../util/file-failure.ts';
import type { Logger } from '../util/logger.ts';
import { OperatorError } from '../util/operator-error.ts';
import { CommandError, type CommandErrorCode, type CommandRegistry, describeArguments } from './commands.ts';
import { type AdminRequest, type AdminResponse, parseRequest, readLines, SOCKET_NAME } from './protocol.ts';

export interface AdminSocketOptions {
  /** The data directory; it must exist. */
  dataPath: string;
  commands: CommandRegistry;
  log: Logger;
  faults: Faults;
}

const MAX_REQUEST_BYTES = 256 * 1024;
const MAX_CONNECTIONS = 32;
const MAX_PENDING = 16;
const TOO_MANY = 'too many pending requests; wait for the responses';
const TOO_LONG = `a request has at most ${MAX_REQUEST_BYTES} bytes`;
/** Unix socket names have 108 bytes, the last of them zero. */
const MAX_PATH_BYTES = 107;
const PROBE_TIMEOUT_MS = 2000;

/** Runs requests of local administrators on the command registry. */
export class AdminSocket {
  readonly path: string;
  readonly #commands: CommandRegistry;
  readonly #log: Logger;
  readonly #faults: Faults;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(options: AdminSocketOptions) {
    this.path = join(options.dataPath, SOCKET_NAME);
    this.#commands = options.commands;
    this.#log = options.log;
    this.#faults = options.faults;
  }

  /**
   * Opens the socket, and replaces one that a dead server left behind.
   * @throws StartError when another server uses the data directory, the directory is not writable, the path of the
   * socket is too long, or another file has that path.
   */
  async start(): Promise<void> {
    if (Buffer.byteLength(this.path) > MAX_PATH_BYTES) {
      throw new StartError(
        `the path of the admin socket has more than ${MAX_PATH_BYTES} bytes: ${this.path}; set a shorter data_path`,
      );
    }
    await removeStale(this.path);
    const server = createServer((socket) => this.#accept(socket));
    server.maxConnections = MAX_CONNECTIONS;
    await listen(server, this.path).catch((error: Error) => {
      throw new StartError(`cannot create the admin socket ${this.path}: ${inWords(error)}`);
    });
    server.on('error', (error) => this.#log.error('admin socket failed', { error }));
    this.#server = server;
  }

  /** Closes the socket and its connections, and removes its file. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const gone = new AbortController();
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      gone.abort();
    });
    const answer = (response: AdminResponse): void => {
      if (socket.writable) socket.write(`${this.#encode(response)}\n`);
    };
    readLines(socket, MAX_REQUEST_BYTES, this.#lineHandler(answer, gone.signal), () => {
      answer(failure(null, 'usage', TOO_LONG));
      socket.destroySoon();
    });
  }

  /** The handler for the lines of one connection. It runs at most MAX_PENDING requests simultaneously. */
  #lineHandler(answer: (response: AdminResponse) => void, signal: AbortSignal): (line: string) => void {
    let pending = 0;
    return (line) => {
      const request = parseRequest(line);
      if (typeof request === 'string') return answer(failure(null, 'usage', request));
      if (pending >= MAX_PENDING) return answer(failure(request.id, 'refused', TOO_MANY));
      pending++;
      const answered = this.#run(request, signal).then((response) => {
        pending--;
        answer(response);
      });
      this.#faults.watch('command', answered);
    };
  }

  /** Never rejects: errors become responses. */
  async #run({ id, command, args }: AdminRequest, signal: AbortSignal): Promise<AdminResponse> {
    try {
      if (command === 'commands') return { id, ok: true, result: { data: this.#listCommands() } };
      const result = await this.#commands.run(command, args, { by: 'admin socket', signal });
      return { id, ok: true, result };
    } catch (error) {
      if (error instanceof CommandError) return failure(id, error.code, error.message);
      this.#faults.report('command', error, { command });
      const message = error instanceof Error ? error.message : String(error);
      return failure(id, 'refused', `${command} failed: ${message}`);
    }
  }

  /** Encodes an error instead of a result that has no JSON form, such as a BigInt. */
  #encode(response: AdminResponse): string {
    try {
      return JSON.stringify(response);
    } catch (error) {
      this.#faults.report('command', error);
      return JSON.stringify(
        failure(response.id, 'refused', 'the command ran, but its result cannot be encoded as JSON'),
      );
    }
  }

  #listCommands(): readonly object[] {
    return this.#commands.list().map((command) => ({
      name: command.name,
      summary: command.summary,
      ...(command.destroys === true ? { destroys: true } : {}),
      positional: command.positional ?? [],
      args: describeArguments(command),
    }));
  }
}

function failure(id: AdminResponse['id'], code: CommandErrorCode, message: string): AdminResponse {
  return { id, ok: false, error: { code, message } };
}

/** The server cannot start here; the message is a sentence for the administrator. */
export class StartError extends OperatorError {
  constructor(message: string) {
    super(message);
    this.name = 'StartError';
  }
}

/** Removes a socket that no server listens on. */
async function removeStale(path: string): Promise<void> {
  const stats = attempt(`read the data directory ${dirname(path)}`, () =>
    lstatSync(path, { throwIfNoEntry: false }),
  );
  if (stats === undefined) return;
  if (!stats.isSocket())
    throw new StartError(`the path of the admin socket is taken by another file: move ${path} elsewhere`);
  if (await answers(path)) {
    throw new StartError(
      `another server is using this data directory: it listens on ${path}; stop it, or set another data_path`,
    );
  }
  attempt(`remove the admin socket ${path} of a server that has ended`, () => unlinkSync(path));
}

/** @throws StartError when the system refuses. */
function attempt<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new StartError(`cannot ${what}: ${inWords(error as Error)}`);
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const finish = (settle: () => void): void => {
      socket.destroy();
      settle();
    };
    // Only a refused connection proves that no server listens: a busy server may be slow to accept.
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(() => resolve(true)));
    socket.once('connect', () => finish(() => resolve(true)));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') finish(() => resolve(false));
      else finish(() => reject(new StartError(`cannot use the admin socket ${path}: ${inWords(error)}`)));
    });
  });
}

/** The umask keeps the file closed to other users between its creation and the change of its mode. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const umask = process.umask(0o177);
    try {
      server.once('error', reject);
      server.listen(path, () => {
        server.off('error', reject);
        try {
          chmodSync(path, 0o600);
          resolve();
        } catch (error) {
          server.close();
          reject(error);
        }
      });
    } finally {
      process.umask(umask);
    }
  });
}
