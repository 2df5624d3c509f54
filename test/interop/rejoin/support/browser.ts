// Chromium without a screen, used through its DevTools protocol: one page, which a server of its own serves.

import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { atEnd, type Clean } from '../../../support/clean-up.ts';
import { BETWEEN } from '../../support/addresses.ts';
import { Program } from '../../support/program.ts';
import { withinMs } from '../../support/waiting.ts';

const START_MS = 30_000;
const ANSWER_MS = 20_000;
const DEVTOOLS = 'DevTools listening on ';
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

interface Answer {
  readonly id?: number;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** The values that an expression may have. */
type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

export class Browser {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #last = 0;
  /** The tab in front of the page. */
  #other: unknown;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(`${data}`) as Answer;
      if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    });
  }

  /** Opens a page. It ends with the test. */
  static async start(t: Clean, folder: string, url: string): Promise<Browser> {
    const program = new Program(t, 'chromium', {
      command: 'chromium',
      args: [...FLAGS, `--user-data-dir=${join(folder, 'chromium')}`, url],
      env: { HOME: folder },
      logFile: join(folder, 'chromium.log'),
    });
    const line = await program.line((line) => line.includes(DEVTOOLS), START_MS);
    const { host } = new URL(line.slice(line.indexOf(DEVTOOLS) + DEVTOOLS.length));
    const pages = (await (await fetch(`http://${host}/json/list`)).json()) as Record<string, string>[];
    const page = pages.find(({ type }) => type === 'page');
    const socket = new WebSocket(page?.webSocketDebuggerUrl ?? '');
    await once(socket, 'open');
    return new Browser(socket);
  }

  /** The value of an expression of JavaScript in the page. @throws Error */
  async value<T extends Json>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#ask('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  }

  /** Types into the element that has the focus. */
  async type(text: string): Promise<void> {
    await this.#ask('Input.insertText', { text });
  }

  async enter(): Promise<void> {
    const key = { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' };
    for (const type of ['keyDown', 'keyUp']) await this.#ask('Input.dispatchKeyEvent', { type, ...key });
  }

  /** Hidden pages are not drawn, so it looks at the page for a moment. @param file PNG */
  async picture(file: string): Promise<void> {
    await this.#ask('Page.bringToFront', {});
    const { data } = await this.#ask('Page.captureScreenshot', {});
    await writeFile(file, Buffer.from(`${data}`, 'base64'));
    await this.lookAway();
  }

  /** Hides the page behind another tab. */
  async lookAway(): Promise<void> {
    this.#other ??= (await this.#ask('Target.createTarget', { url: 'about:blank' })).targetId;
    await this.#ask('Target.activateTarget', { targetId: this.#other });
  }

  async close(): Promise<void> {
    await this.#ask('Browser.close', {}).catch(() => {});
  }

  async #ask(method: string, params: object): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#last;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await withinMs(ANSWER_MS, method, promise);
    this.#waiting.delete(id);
    if (result === undefined) throw new Error(`${method}: ${error?.message}`);
    return result;
  }
}

/** Serves a page and the files of a folder until the test ends. @returns the address of the page */
export async function serve(t: Clean, page: string, folder: string): Promise<string> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', `http://${BETWEEN}`);
    const content = pathname === '/' ? Promise.resolve(page) : readFile(join(folder, pathname));
    content.then(
      (body) => {
        const type = TYPES[pathname === '/' ? '.html' : extname(pathname)] ?? 'application/octet-stream';
        response.writeHead(200, { 'content-type': type }).end(body);
      },
      () => response.writeHead(404).end(),
    );
  });
  server.listen(0, BETWEEN);
  await once(server, 'listening');
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://${BETWEEN}:${typeof address === 'object' ? address?.port : ''}/`;
}

const FLAGS = [
  '--headless=new',
  '--no-sandbox', // For root; the only page is ours.
  '--remote-debugging-port=0',
  '--remote-allow-origins=*',
  '--no-first-run',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--window-size=1100,720',
];
