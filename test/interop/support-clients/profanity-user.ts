// profanity, used by its commands and its screen.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clean } from '../../support/clean-up.ts';
import { ENJAMB } from '../support/addresses.ts';
import { until } from '../support/waiting.ts';
import { Terminal } from './terminal.ts';
import type { Door, User } from './user.ts';

const ANSWER_MS = 20_000;
const RESOURCE = 'street';
const ACCOUNT = 'account';

export interface ProfanityOptions {
  /** The folder for its home and its terminal. */
  readonly folder: string;
  /** PEM; undefined: it trusts only the system's authorities. */
  readonly caPath?: string;
  readonly jid: string;
  readonly password: string;
  /** Default: the program alone. */
  readonly command?: string;
  /** Settings of its notifications. Default: none of them. */
  readonly notifications?: Readonly<Record<string, string>>;
}

export class ProfanityUser implements User {
  readonly program = 'profanity';
  readonly jid: string;
  readonly fullJid: string;
  readonly #t: Clean;
  readonly #options: ProfanityOptions;
  #running: Terminal | undefined;

  constructor(t: Clean, options: ProfanityOptions) {
    this.#t = t;
    this.#options = options;
    this.jid = options.jid;
    this.fullJid = `${options.jid}/${RESOURCE}`;
  }

  /** Starts the program, which then logs in by itself. */
  async beginLogin(door: Door): Promise<Terminal> {
    const { folder, caPath, command = 'profanity' } = this.#options;
    const home = join(folder, 'home');
    await writeHome(home, { ...this.#options, door });
    this.#running = await Terminal.start(this.#t, {
      folder,
      command,
      env: environment(home, caPath),
    });
    return this.#running;
  }

  async login(door: Door): Promise<void> {
    const terminal = await this.beginLogin(door);
    await terminal.shows(`${this.fullJid} logged in successfully`);
    await terminal.shows('[TLS] [online]');
  }

  async request({ jid }: User): Promise<void> {
    await this.#type(`/sub request ${jid}`, `Sent subscription request to ${jid}`);
  }

  async approve({ jid }: User): Promise<void> {
    await this.#console();
    await this.#terminal.shows(`Received authorization request from ${jid}`);
    await this.#type(`/sub allow ${jid}`, `Accepted subscription for ${jid}`);
  }

  async befriended({ jid }: User): Promise<void> {
    await this.#console();
    const start = `${jid} subscription status: `;
    const answers = async () =>
      (await this.#terminal.screen()).split('\n').filter((it) => it.includes(start));
    await until(
      `${jid} in the roster of ${this.jid} with both`,
      async () => {
        const { length } = await answers();
        await this.#terminal.type(`/sub show ${jid}`);
        const answer = await until('an answer', async () => (await answers())[length], ANSWER_MS);
        return answer.endsWith('both.') || undefined;
      },
      ANSWER_MS,
    );
  }

  async seesOnline({ fullJid }: User): Promise<void> {
    await this.#console();
    await this.#terminal.shows(`++ ${inConsole(fullJid)} is online`);
  }

  async seesGone({ fullJid }: User): Promise<void> {
    await this.#console();
    await this.#terminal.shows(`-- ${inConsole(fullJid)} is offline`);
  }

  async send({ jid }: Pick<User, 'jid'>, text: string): Promise<void> {
    await this.#type(`/msg ${jid} ${text}`, `me: ${text}`);
  }

  async receives({ jid }: User, text: string): Promise<void> {
    await this.#type(`/msg ${jid}`, text);
  }

  async logout(): Promise<void> {
    await this.#terminal.type('/quit');
    await this.#terminal.ended();
  }

  get #terminal(): Terminal {
    if (this.#running === undefined) throw new Error('profanity was not started');
    return this.#running;
  }

  async #console(): Promise<void> {
    await this.#terminal.type('/win 1');
  }

  async #type(line: string, outcome: string): Promise<void> {
    await this.#terminal.type(line);
    await this.#terminal.shows(outcome);
  }
}

function inConsole(fullJid: string): string {
  return fullJid.replace(/\/(.*)/, ' ($1)');
}

/** Uses no files of the user who runs the tests. */
function environment(home: string, caPath: string | undefined): Record<string, string> {
  return {
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_DATA_HOME: join(home, '.local/share'),
    XDG_CACHE_HOME: join(home, '.cache'),
    GNUPGHOME: join(home, '.gnupg'),
    LC_ALL: 'C.UTF-8',
    // Its TLS library takes the trusted authorities from here.
    ...(caPath === undefined ? {} : { SSL_CERT_FILE: caPath }),
  };
}

/** Disables all its questions, and all connections but that to the server. */
async function writeHome(
  home: string,
  { jid, password, door, notifications = {} }: ProfanityOptions & { readonly door: Door },
): Promise<void> {
  const config = join(home, '.config/profanity');
  const data = join(home, '.local/share/profanity');
  for (const folder of [config, data, join(home, '.gnupg')]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }
  await writeFile(
    join(config, 'profrc'),
    [...PREFERENCES, ini('notifications', { ...SILENT, ...notifications })].join('\n'),
  );
  await writeFile(join(data, 'profident'), ''); // It has been started before: no introduction.
  await writeFile(
    join(data, 'accounts'),
    ini(ACCOUNT, {
      enabled: 'true',
      jid,
      resource: RESOURCE,
      password,
      server: ENJAMB.address,
      port: `${door.port}`,
      'tls.policy': door.tls === 'direct' ? 'legacy' : 'force',
      'presence.login': 'online',
      'presence.last': 'online',
      'muc.nick': 'mercutio',
    }),
  );
}

const PREFERENCES = [
  ini('ui', {
    vercheck: 'false',
    splash: 'false',
    roster: 'false',
    'statuses.console': 'all',
    'resource.message': 'true',
    'tls.show': 'true',
  }),
  ini('connection', { account: ACCOUNT }),
];
const SILENT = { message: 'false', room: 'false', invite: 'false', sub: 'false', typing: 'false' };

function ini(section: string, values: Readonly<Record<string, string>>): string {
  return [`[${section}]`, ...Object.entries(values).map(([key, value]) => `${key}=${value}`), ''].join('\n');
}
