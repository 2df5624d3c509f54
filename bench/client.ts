// A fast client: it logs in normally, and then only counts the bytes and marks that it receives.

import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface LoginOptions {
  /** Default 127.0.0.1. */
  readonly address?: string;
  readonly port: number;
  readonly domain: string;
  readonly user: string;
  readonly password: string;
  readonly resource?: string;
  /** STARTTLS (RFC 6120 §5). */
  readonly tls?: boolean;
  readonly mechanism?: 'PLAIN' | 'SCRAM-SHA-1';
}

export class LoadClient {
  jid = '';
  #socket: Socket;
  #buffered = '';
  #wake: (() => void) | undefined;
  #isClosed = false;
  #onChunk: ((chunk: Buffer) => void) | undefined;
  /** Derived keys by salt and iteration count, so that only the server has to compute them. */
  static readonly #salted = new Map<string, Buffer>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  static async login(options: LoginOptions): Promise<LoadClient> {
    const client = await LoadClient.#connect(options);
    await client.#negotiate(options);
    return client;
  }

  /** Creates an account by in-band registration (XEP-0077). */
  static async register(options: LoginOptions): Promise<void> {
    const { domain, user, password } = options;
    const client = await LoadClient.#connect(options);
    await client.#open(domain);
    client.write(
      `<iq type='set' id='r' to='${domain}'><query xmlns='jabber:iq:register'><username>${user}</username><password>${password}</password></query></iq>`,
    );
    const answer = await client.until(/<\/iq>|<iq[^>]*\/>/);
    client.close();
    if (!answer.includes("'result'") && !answer.includes('"result"'))
      throw new Error(`${user} not registered: ${answer}`);
  }

  static async #connect({ address = '127.0.0.1', port }: LoginOptions): Promise<LoadClient> {
    const socket = connect({ port, host: address, noDelay: true });
    await once(socket, 'connect');
    return new LoadClient(socket);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** From now on, passes all input to `sink`. */
  drainTo(sink: (chunk: Buffer) => void): void {
    this.#onChunk = sink;
  }

  /** Reads until `end` arrives, and returns all input. @throws Error if the connection closes first */
  async until(end: string | RegExp): Promise<string> {
    for (;;) {
      const match = typeof end === 'string' ? this.#buffered.indexOf(end) : this.#buffered.search(end);
      if (match >= 0) {
        const text = this.#buffered;
        this.#buffered = '';
        return text;
      }
      if (this.#isClosed) throw new Error(`the connection was closed after: ${this.#buffered.slice(-300)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  async #negotiate(options: LoginOptions): Promise<void> {
    let features = await this.#open(options.domain);
    if (options.tls === true) {
      this.write(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
      await this.until('<proceed');
      await this.#secure(options.domain);
      features = await this.#open(options.domain);
    }
    const mechanism = options.mechanism ?? 'PLAIN';
    if (!features.includes(`>${mechanism}<`)) throw new Error(`${mechanism} is not offered: ${features}`);
    await (mechanism === 'PLAIN' ? this.#plain(options) : this.#scram(options));
    await this.#open(options.domain);
    const resource = options.resource ?? 'bench';
    this.write(
      `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    );
    const bound = await this.until('</iq>');
    this.jid = /<jid>([^<]+)<\/jid>/.exec(bound)?.[1] ?? '';
    if (this.jid === '') throw new Error(`not bound: ${bound}`);
  }

  #open(domain: string): Promise<string> {
    this.write(
      `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
    );
    return this.until(/<\/stream:features>|<stream:features\/>/);
  }

  async #secure(servername: string): Promise<void> {
    this.#socket.removeAllListeners();
    const secure = connectTls({ socket: this.#socket, servername, rejectUnauthorized: false });
    await once(secure, 'secureConnect');
    secure.setNoDelay(true);
    this.#socket = secure;
    this.#listen();
  }

  async #plain({ user, password }: LoginOptions): Promise<void> {
    const token = Buffer.from(`\0${user}\0${password}`).toString('base64');
    this.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
    await this.#success();
  }

  async #scram({ user, password }: LoginOptions): Promise<void> {
    const bare = `n=${user},r=${randomBytes(18).toString('base64')}`;
    const first = Buffer.from(`n,,${bare}`).toString('base64');
    this.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>${first}</auth>`);
    const answer = await this.until('</challenge>');
    const challenge = Buffer.from(/<challenge[^>]*>([^<]+)</.exec(answer)![1]!, 'base64').toString();
    const [, nonce, salt, count] = /r=([^,]+),s=([^,]+),i=(\d+)/.exec(challenge)!;
    const salted = LoadClient.#saltedPassword(password, salt!, Number(count));
    const final = `c=biws,r=${nonce}`;
    const clientKey = hmac(salted, 'Client Key');
    const stored = createHash('sha1').update(clientKey).digest();
    const signature = hmac(stored, `${bare},${challenge},${final}`);
    const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString('base64');
    const response = Buffer.from(`${final},p=${proof}`).toString('base64');
    this.write(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${response}</response>`);
    await this.#success();
  }

  async #success(): Promise<void> {
    const answer = await this.until(/<success|<failure/);
    if (!answer.includes('<success')) throw new Error(`not logged in: ${answer}`);
  }

  static #saltedPassword(password: string, salt: string, iterations: number): Buffer {
    const key = `${password} ${salt} ${iterations}`;
    const known =
      LoadClient.#salted.get(key) ??
      pbkdf2Sync(password, Buffer.from(salt, 'base64'), iterations, 20, 'sha1');
    LoadClient.#salted.set(key, known);
    return known;
  }

  #listen(): void {
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.#isClosed = true;
      this.#wake?.();
    });
    this.#socket.on('data', (chunk: Buffer) => {
      if (this.#onChunk) return this.#onChunk(chunk);
      this.#buffered += chunk.toString('latin1');
      this.#wake?.();
    });
  }
}

/** Counts the occurrences of `mark` across chunks. The first byte of the mark must occur in it only once. */
export function counter(mark: string, onCount: (count: number) => void): (chunk: Buffer) => void {
  const needle = Buffer.from(mark, 'latin1');
  let tail: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const bytes = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
    let count = 0;
    let from = 0;
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, from)) {
      count++;
      from = at + needle.length;
    }
    tail = bytes.subarray(Math.max(from, bytes.length - needle.length + 1));
    if (count > 0) onCount(count);
  };
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha1', key).update(data).digest();
}
