// A real IRC server (ngircd), the gateway to it (biboumi), and an IRC user.

import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { atEnd, type Clean } from '../../support/clean-up.ts';
import { ENJAMB } from '../support/addresses.ts';
import { Program } from '../support/program.ts';
import { until, withinMs } from '../support/waiting.ts';

/** The port is the one that biboumi tries. */
export const IRC = { address: '127.0.0.5', port: 6_667 };
const START_MS = 15_000;
const ANSWER_MS = 15_000;

/** Listens until the test ends. */
export async function startIrcServer(t: Clean, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'ngircd.conf');
  const text = `
[Global]
Name = irc.verona.example
Info = Verona
Listen = ${IRC.address}
Ports = ${IRC.port}
MotdPhrase = "In fair Verona"
[Limits]
MaxConnectionsIP = 0
MaxNickLength = 30
[Options]
DNS = no
Ident = no
PAM = no
CloakHost = somewhere.example
`;
  await writeFile(file, text);
  const args = ['--nodaemon', '--config', file];
  const program = new Program(t, 'ngircd', { command: 'ngircd', args, logFile: join(folder, 'ngircd.log') });
  const isUp = async (): Promise<true | undefined> => {
    if (!program.isRunning) throw new Error(`ngircd ended:\n${program.tail()}`);
    return (await accepts()) ? true : undefined;
  };
  await until('ngircd listens', isUp, START_MS);
}

function accepts(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(IRC.port, IRC.address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export class Biboumi {
  readonly #t: Clean;
  readonly #folder: string;
  readonly #file: string;
  #program: Program | undefined;

  private constructor(t: Clean, folder: string) {
    this.#t = t;
    this.#folder = folder;
    this.#file = join(folder, 'biboumi.cfg');
  }

  /** Serves the domain until it is stopped or the test ends. */
  static async start(t: Clean, folder: string, domain: string, secret: string): Promise<Biboumi> {
    const biboumi = new Biboumi(t, folder);
    await mkdir(folder, { recursive: true });
    const lines = [
      `hostname=${domain}`,
      `password=${secret}`,
      `xmpp_server_ip=${ENJAMB.address}`,
      `port=${ENJAMB.component}`,
      `db_name=${join(folder, 'biboumi.sqlite')}`,
      'identd_port=0',
      'log_level=0',
    ];
    await writeFile(biboumi.#file, `${lines.join('\n')}\n`);
    biboumi.start();
    return biboumi;
  }

  start(): void {
    const args = [this.#file];
    const logFile = join(this.#folder, 'biboumi.log');
    this.#program = new Program(this.#t, 'biboumi', { command: 'biboumi', args, logFile });
  }

  /** Kills the process. */
  async kill9(): Promise<void> {
    this.#program?.kill('SIGKILL');
    await this.#program?.exited;
  }
}

/** A user of IRC. */
export class IrcUser {
  /** All lines from the server so far. */
  readonly lines: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    createInterface({ input: socket }).on('line', (line) => {
      this.lines.push(line);
      if (line.startsWith('PING ')) this.#say(line.replace('PING', 'PONG'));
    });
  }

  /** In the channel, until the test ends. */
  static async join(t: Clean, nick: string, channel: string, { address, port } = IRC): Promise<IrcUser> {
    const socket = connect(port, address);
    atEnd(t, () => void socket.destroy());
    await withinMs(ANSWER_MS, 'a connection with the IRC server', once(socket, 'connect'));
    const user = new IrcUser(socket);
    user.#say(`NICK ${nick}`);
    user.#say(`USER ${nick} 0 * :${nick}`);
    await user.enter(channel);
    return user;
  }

  async enter(channel: string): Promise<void> {
    this.#say(`JOIN ${channel}`);
    await this.hears(new RegExp(` 366 \\S+ ${channel} `));
  }

  send(channel: string, text: string): void {
    this.#say(`PRIVMSG ${channel} :${text}`);
  }

  /** Resolves with the first line, of the past or the future, that fits. */
  hears(pattern: RegExp): Promise<string> {
    return until(`${pattern} on IRC`, () => this.lines.find((line) => pattern.test(line)), ANSWER_MS);
  }

  #say(line: string): void {
    this.#socket.write(`${line}\r\n`);
  }
}
