// A screen that nobody looks at, for programs with windows, and the world as such a program sees it: names, trusted
// authorities and a home of its own, without a change to the machine.

import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Clean } from '../../../support/clean-up.ts';
import { BETWEEN, HOME } from '../../support/addresses.ts';
import { Program, run } from '../../support/program.ts';
import { until, untilTime } from '../../support/waiting.ts';
import { alertsIn, reportsIn, type Shown, sessionWords } from './desktop-session.ts';

const START_MS = 20_000;
/** After which a window is drawn that has come back. */
const DRAWN_MS = 700;
const SIZE = '1100x720x24';

export interface DesktopOptions {
  readonly folder: string;
  readonly caPath: string;
}

export interface WindowedProgram {
  readonly name: string;
  /** With its arguments. */
  readonly command: readonly string[];
}

export class Desktop {
  readonly folder: string;
  readonly #t: Clean;
  readonly #display: string;
  #running: Program | undefined;
  /** Its main window. */
  #window = '';

  private constructor(t: Clean, folder: string, display: string) {
    this.#t = t;
    this.folder = folder;
    this.#display = display;
  }

  /** One program runs in it, on one screen. Both end with the test. */
  static async start(t: Clean, { folder, caPath }: DesktopOptions): Promise<Desktop> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(folder, 'hosts'), `127.0.0.1 localhost\n${BETWEEN} ${HOME}\n`);
    // Nobody answers there, so that a name that is not in the file above does not exist, at once.
    await writeFile(join(folder, 'resolv.conf'), 'nameserver 127.0.0.127\noptions attempts:1 timeout:1\n');
    await copyFile(caPath, join(folder, 'authorities.pem'));
    await mkdir(join(folder, 'run'), { mode: 0o700 });
    const screen = new Program(t, 'Xvfb', {
      command: 'Xvfb',
      args: ['-displayfd', '1', '-screen', '0', SIZE, '-nolisten', 'tcp'],
      logFile: join(folder, 'xvfb.log'),
    });
    const number = await screen.line((line) => /^\d+$/.test(line), START_MS);
    const desktop = new Desktop(t, folder, `:${number}`);
    await writeFile(join(folder, 'openbox.xml'), MAXIMISED);
    new Program(t, 'openbox', {
      command: 'openbox',
      args: ['--sm-disable', '--config-file', join(folder, 'openbox.xml')],
      env: desktop.#environment,
      logFile: join(folder, 'openbox.log'),
    });
    return desktop;
  }

  /** Its homes for settings and data: what it finds there when it starts. */
  get home(): { readonly config: string; readonly data: string } {
    const home = join(this.folder, 'home');
    return { config: join(home, '.config'), data: join(home, '.local/share') };
  }

  async open({ name, command }: WindowedProgram): Promise<void> {
    this.#running = new Program(this.#t, name, {
      command: 'unshare',
      args: [...ALONE, this.folder, ...AS_SOMEBODY, ...sessionWords(command, this.#reports)],
      env: this.#environment,
      logFile: join(this.folder, `${name}.log`),
    });
    const { exited } = this.#running;
    const active = async () => (await this.#xdotool('getactivewindow')) || undefined;
    const opened = until(`a window of ${name}`, active, START_MS);
    const failed = exited.then(() => Promise.reject(new Error(this.#running?.tail())));
    this.#window = await Promise.race([opened, failed]);
  }

  /** All notifications of the program. */
  alerts(): Promise<string> {
    return alertsIn(this.#reports);
  }

  /** The texts on its windows, in the order of its widgets. */
  async texts(): Promise<readonly Shown[]> {
    const { length } = await reportsIn(this.#reports);
    this.#running?.writeLine('texts');
    const answered = async () => (await reportsIn(this.#reports)).slice(length).find(({ texts }) => texts);
    return (await until('the texts on the windows', answered, START_MS)).texts ?? [];
  }

  /** Otherwise its window is minimised, so that the program has a reason to alert its user. */
  async look<T>(use: () => Promise<T>): Promise<T> {
    await this.#xdotool('windowactivate', this.#window);
    await untilTime(Date.now() + DRAWN_MS);
    try {
      return await use();
    } finally {
      await this.minimise();
    }
  }

  async minimise(): Promise<void> {
    await this.#xdotool('windowminimize', this.#window);
  }

  /** Ends the program. */
  async stop(): Promise<void> {
    this.#running?.kill('SIGKILL');
    await this.#running?.exited;
  }

  /** Keys by their X names: "Return", "ctrl+Page_Down". */
  async press(...keys: string[]): Promise<void> {
    await this.#xdotool('key', '--delay', '80', '--clearmodifiers', ...keys);
  }

  async type(text: string): Promise<void> {
    await this.#xdotool('type', '--delay', '30', text);
  }

  async click(x: number, y: number): Promise<void> {
    await this.#xdotool('mousemove', `${x}`, `${y}`, 'click', '1');
  }

  /** A picture of the whole screen. @param file PNG */
  async picture(file: string): Promise<void> {
    // Only for people: without ImageMagick there is none.
    await run('import', ['-display', this.#display, '-window', 'root', file]).catch(() => {});
  }

  async #xdotool(...words: string[]): Promise<string> {
    const { stdout } = await run('env', [`DISPLAY=${this.#display}`, 'xdotool', ...words]);
    return stdout.trim();
  }

  get #reports(): string {
    return join(this.folder, 'session.jsonl');
  }

  get #environment(): Record<string, string> {
    const home = join(this.folder, 'home');
    return {
      DISPLAY: this.#display,
      HOME: home,
      XDG_CONFIG_HOME: this.home.config,
      XDG_DATA_HOME: this.home.data,
      XDG_CACHE_HOME: join(home, '.cache'),
      XDG_RUNTIME_DIR: join(this.folder, 'run'),
      GNUPGHOME: join(home, '.gnupg'),
      LC_ALL: 'C.UTF-8',
      GDK_BACKEND: 'x11',
      GSK_RENDERER: 'cairo', // Without a graphics card the other one is slow.
      LIBGL_ALWAYS_SOFTWARE: '1',
    };
  }
}

/** So that everything is where we click. */
const MAXIMISED = `<openbox_config xmlns="http://openbox.org/3.4/rc"><applications>
<application type="normal"><maximized>yes</maximized><focus>yes</focus></application></applications></openbox_config>`;
/** Mounts of its own, "root" of them only, and processes of its own, so that what they start ends with them. */
const NAMESPACES = ['--user', '--map-root-user', '--mount', '--pid'];
const MOUNTS = [
  'cd "$1" && shift',
  'mount --bind hosts /etc/hosts',
  'mount --bind resolv.conf /etc/resolv.conf',
  'mount --bind authorities.pem /etc/ssl/certs/ca-certificates.crt',
  'exec "$@"',
].join(' && ');
/** The reason why graphical programs cannot run on this machine; `undefined` if they can. */
export async function whyNoDesktop(): Promise<string | undefined> {
  const { code } = await run('unshare', [...NAMESPACES, '--fork', 'true']);
  if (code !== 0) return 'no namespaces of our own here';
  const addresses = Object.values(networkInterfaces()).flat();
  const other = addresses.some(
    (it) => it !== undefined && it.family === 'IPv4' && it.address !== '127.0.0.1',
  );
  return other ? undefined : 'glibc finds no names where there is no address but 127.0.0.1';
}

const ALONE = [...NAMESPACES, '--fork', '--kill-child', 'sh', '-c', MOUNTS, 'sh'];
/** Runs a command as another user, because some programs refuse to run as root. */
const AS_SOMEBODY = ['unshare', '--user', '--map-user=1000', '--map-group=1000'];
