// A client whose every word stands in the test: it sends XML text and compares what comes back.

import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import type { Element } from '../../src/xml/element.ts';
import { UNBOUNDED_LIMITS } from '../../src/xml/limits.ts';
import { XmlParser } from '../../src/xml/parser.ts';
import { ownersLoaded } from './late-storage.ts';
import { assertXml, matchesXml } from './match.ts';

/** How long a test waits for something that never comes. Only failing tests take it. */
const PATIENCE_MS = 3_000;

export class ScriptedClient {
  /** The full JID, once bound. */
  jid = '';
  readonly #socket: Duplex;
  readonly #patienceMs: number;
  #parser: XmlParser;
  readonly #inbox: Element[] = [];
  readonly #waiting: (() => void)[] = [];
  #closed = false;
  #pings = 0;

  constructor(socket: Duplex, patienceMs = PATIENCE_MS) {
    this.#socket = socket;
    this.#patienceMs = patienceMs;
    this.#parser = this.#newParser();
    socket.on('data', (chunk: Buffer) => this.#parser.write(chunk));
    socket.on('end', () => this.#close());
    socket.on('close', () => this.#close());
    socket.on('error', () => this.#close());
  }

  /** Logs in by PLAIN and binds a resource (RFC 6120 §6, §7). */
  async login(jid: string, password = 'secret'): Promise<this> {
    const [bare = '', resource = ''] = jid.split('/', 2);
    await this.authenticate(bare, password);
    this.send(
      `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    );
    const bound = await this.next();
    this.jid = bound.getChild('bind', 'urn:ietf:params:xml:ns:xmpp-bind')?.getChildText('jid') ?? '';
    assert.equal(this.jid, jid, `bound as ${bound}`);
    return this;
  }

  /** Logs in by PLAIN, up to the stream on which a resource is bound. */
  async authenticate(bare: string, password = 'secret'): Promise<void> {
    const [user = '', domain = ''] = bare.split('@', 2);
    const token = Buffer.from(`\0${user}\0${password}`).toString('base64');
    await this.open(domain);
    this.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
    await this.receives(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`);
    await this.open(domain);
  }

  /** Opens a stream and takes its features. */
  async open(domain: string): Promise<Element> {
    this.#parser = this.#newParser();
    this.send(
      `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
    );
    return this.next();
  }

  send(xml: string): void {
    this.#socket.write(xml.trim());
  }

  /** The next element that came or comes. */
  async next(): Promise<Element> {
    if (this.#inbox.length === 0) await this.#arrival();
    const element = this.#inbox.shift();
    if (!element)
      assert.fail(
        `${this.jid || 'the client'}: nothing came, the stream is ${this.#closed ? 'closed' : 'open'}`,
      );
    return element;
  }

  /** The very next element must be this (see assertXml). */
  async receives(expected: string): Promise<Element> {
    const element = await this.next();
    assertXml(element, expected);
    return element;
  }

  /** These must be the next elements, in whatever order they come. */
  async receivesInAnyOrder(...expected: string[]): Promise<void> {
    const left = [...expected];
    while (left.length > 0) {
      const element = await this.next();
      const index = left.findIndex((text) => matchesXml(element, text));
      if (index < 0) assertXml(element, left[0]!);
      left.splice(index, 1);
    }
  }

  /** Takes elements away until one matches, and gives that one. */
  async skipUntil(expected: string | ((element: Element) => boolean)): Promise<Element> {
    for (;;) {
      const element = await this.next();
      if (typeof expected === 'string' ? matchesXml(element, expected) : expected(element)) return element;
    }
  }

  /** Nothing is under way to this client: a question of its own is answered before anything else comes. */
  async receivesNothing(): Promise<void> {
    await ownersLoaded();
    const id = `nothing-${++this.#pings}`;
    const domain = this.jid.slice(this.jid.indexOf('@') + 1).split('/')[0];
    this.send(`<iq type='get' id='${id}' to='${domain}'><query xmlns='urn:enjamb:test:nothing'/></iq>`);
    const element = await this.next();
    assert.equal(element.attrs.id, id, `nothing expected, but this came: ${element}`);
  }

  /** Resolves when the server has closed the stream or the connection. */
  async closed(): Promise<void> {
    while (!this.#closed) await this.#arrival();
  }

  /** Hangs up without a word. */
  drop(): void {
    this.#socket.destroy();
  }

  #newParser(): XmlParser {
    const onElement = (element: Element) => {
      this.#inbox.push(element);
      this.#wake();
    };
    return new XmlParser({ onOpen() {}, onElement, onClose: () => this.#close() }, UNBOUNDED_LIMITS);
  }

  #close(): void {
    this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #arrival(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new assert.AssertionError({ message: `${this.jid || 'the client'}: nothing came` })),
        this.#patienceMs,
      );
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
