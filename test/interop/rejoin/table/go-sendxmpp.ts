// go-sendxmpp as a listener in a room: it prints what it hears, and cannot say anything meanwhile.

import { join } from 'node:path';
import type { Clean } from '../../../support/clean-up.ts';
import { ENJAMB } from '../../support/addresses.ts';
import { Program } from '../../support/program.ts';
import type { Account, ProgramKind, RoomProgram } from './program.ts';
import { debianVersion } from './scripted.ts';

class GoSendxmpp implements RoomProgram {
  readonly #t: Clean;
  readonly #account: Account;
  #program: Program | undefined;

  constructor(t: Clean, account: Account) {
    this.#t = t;
    this.#account = account;
  }

  /** It prints nothing before somebody speaks: whether it is in, the others see. */
  async enter(room: string): Promise<void> {
    const { jid, password, nick, caPath, folder } = this.#account;
    const server = `${ENJAMB.address}:${ENJAMB.c2s}`;
    this.#program = new Program(this.#t, nick, {
      command: 'go-sendxmpp',
      args: ['-u', jid, '-p', password, '-j', server, '-l', '-c', '-a', nick, room],
      env: { SSL_CERT_FILE: caPath, HOME: folder },
      logFile: join(folder, 'output.log'),
    });
  }

  async say(): Promise<void> {}

  async talk(): Promise<string> {
    return this.#program?.lines.join('\n') ?? '';
  }

  async people(): Promise<undefined> {
    return undefined;
  }

  async screen(): Promise<string> {
    return this.#program?.lines.join('\n') ?? '';
  }

  async stop(): Promise<void> {
    this.#program?.kill('SIGTERM');
    await this.#program?.exited;
  }
}

export const GO_SENDXMPP: ProgramKind = {
  name: 'go-sendxmpp',
  group: 'scripted',
  speaks: false,
  version: () => debianVersion('go-sendxmpp'),
  make: async (t, account) => new GoSendxmpp(t, account),
};
