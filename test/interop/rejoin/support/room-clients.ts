// Clients made with @xmpp/client, which record all stanzas that they get. All of them run in one process of their own.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Element, NS } from '../../../../src/xml/index.ts';
import type { Clean } from '../../../support/clean-up.ts';
import { parseXml } from '../../../support/match.ts';
import { AWAY, ENJAMB, PROSODY } from '../../support/addresses.ts';
import { Program } from '../../support/program.ts';
import { statusCodes } from '../../support/room.ts';
import type { ReceivedStanza } from '../../support/slixmpp.ts';
import { until } from '../../support/waiting.ts';
import { PASSWORD } from '../../support/world.ts';

const SCRIPT = fileURLToPath(new URL('./room_clients.js', import.meta.url));
const ANSWER_MS = 30_000;

/** A name, attributes, and children or text. */
export type Shape = [name: string, attrs?: Readonly<Record<string, string>>, children?: (Shape | string)[]];

interface Report {
  readonly name: string;
  readonly event: string;
  readonly at: number;
  readonly xml?: string;
  readonly why?: string;
}

export class RoomClients {
  readonly #program: Program;
  readonly #clients = new Map<string, RoomClient>();

  private constructor(program: Program) {
    this.#program = program;
    program.onStdout((line) => {
      const report = JSON.parse(line) as Report;
      this.#clients.get(report.name)?.take(report);
    });
  }

  static async start(t: Clean, { folder, caPath }: { folder: string; caPath: string }): Promise<RoomClients> {
    const program = new Program(t, 'clients', {
      command: process.execPath,
      args: [SCRIPT],
      env: { NODE_EXTRA_CA_CERTS: caPath },
      logFile: join(folder, 'clients.log'),
    });
    const clients = new RoomClients(program);
    await program.line((line) => line.includes('"ready"'), ANSWER_MS);
    return clients;
  }

  /** A client that has not logged in. */
  add(jid: string): RoomClient {
    const client = new RoomClient(jid, (command) => this.#program.writeLine(JSON.stringify(command)));
    this.#clients.set(jid, client);
    return client;
  }
}

export class RoomClient {
  /** The full JID. */
  readonly jid: string;
  /** What its occupants are called. */
  readonly nick: string;
  /** All stanzas received so far, in order. */
  readonly stanzas: ReceivedStanza[] = [];
  readonly #run: (command: object) => void;
  readonly #reports: Report[] = [];

  constructor(jid: string, run: (command: object) => void) {
    this.jid = jid;
    this.nick = jid.replace(/@.*/, '');
    this.#run = run;
  }

  take(report: Report): void {
    if (report.event === 'stanza') this.stanzas.push({ at: report.at, element: parseXml(report.xml ?? '') });
    else this.#reports.push(report);
  }

  async login(): Promise<void> {
    const [username = '', domain = '', resource = ''] = this.jid.split(/[@/]/);
    const { address, c2s: port } = domain === AWAY ? PROSODY : ENJAMB;
    const since = this.#reports.length;
    this.#run({ do: 'login', name: this.jid, domain, address, port, username, password: PASSWORD, resource });
    const outcome = () =>
      this.#reports.slice(since).find(({ event }) => event === 'session' || event === 'refused');
    const { event, why } = await until(`${this.jid} online`, outcome, ANSWER_MS);
    assert.equal(event, 'session', `${this.jid}: ${why}`);
  }

  send(...shape: Shape): void {
    this.#run({ do: 'send', name: this.jid, element: shape });
  }

  /** Resolves when the room has sent its subject, the last part of its answer (XEP-0045 §7.2.15). */
  async join(room: string): Promise<void> {
    const since = this.stanzas.length;
    const history: Shape = ['history', { maxstanzas: '0' }];
    this.send('presence', { to: `${room}/${this.nick}` }, [['x', { xmlns: NS.MUC }, [history]]]);
    await this.stanza(
      `the subject of ${room}`,
      (it) => isSubject(it) && it.attrs.from?.startsWith(room) === true,
      since,
    );
  }

  leave(room: string): void {
    this.send('presence', { to: `${room}/${this.nick}`, type: 'unavailable' });
  }

  /** Makes a room and unlocks it (XEP-0045 §10.1). @param fields of its configuration; none: the default one */
  async create(room: string, fields: Readonly<Record<string, string>> = {}): Promise<void> {
    const since = this.stanzas.length;
    this.send('presence', { to: `${room}/${this.nick}` }, [['x', { xmlns: NS.MUC }]]);
    await this.stanza('a new room', (it) => statusCodes(it).includes('201'), since);
    const type = { FORM_TYPE: 'http://jabber.org/protocol/muc#roomconfig' };
    const all = Object.entries(Object.keys(fields).length > 0 ? { ...type, ...fields } : {});
    const shapes = all.map(([name, value]): Shape => ['field', { var: name }, [['value', {}, [value]]]]);
    const form: Shape = ['x', { xmlns: NS.DATA_FORMS, type: 'submit' }, shapes];
    this.send('iq', { type: 'set', id: `make ${room}`, to: room }, [
      ['query', { xmlns: NS.MUC_OWNER }, [form]],
    ]);
    const { attrs } = await this.stanza('the answer', ({ attrs }) => attrs.id === `make ${room}`);
    assert.equal(attrs.type, 'result', `${this.jid} makes ${room}`);
  }

  say(room: string, text: string): void {
    this.send('message', { to: room, type: 'groupchat', id: text.replaceAll(' ', '-') }, [
      ['body', {}, [text]],
    ]);
  }

  /** Resolves with the first stanza, from the `since`th on, that fits. */
  async stanza(what: string, fits: (element: Element) => boolean, since = 0): Promise<Element> {
    const found = () => this.stanzas.slice(since).find(({ element }) => fits(element));
    return (await until(`${what} at ${this.jid}`, found, ANSWER_MS)).element;
  }

  async hears(room: string, text: string): Promise<void> {
    await this.stanza(text, (it) => textsOf([it], room).includes(text));
  }

  from(room: string, since = 0): Element[] {
    const elements = this.stanzas.slice(since).map(({ element }) => element);
    return elements.filter(({ attrs }) => attrs.from?.replace(/\/.*/, '') === room);
  }

  /** The texts that it has got from a room, in order. */
  texts(room: string, since = 0): string[] {
    return textsOf(this.from(room, since), room);
  }

  /** The presences that it has got from a room: "+nick", or "-nick" with the status codes. */
  people(room: string, since = 0): string[] {
    return this.from(room, since)
      .filter((it) => it.is('presence'))
      .map((it) => {
        const nick = it.attrs.from?.slice(room.length + 1);
        const sign = { unavailable: '-', error: '!' }[it.attrs.type ?? ''] ?? '+';
        return [`${sign}${nick}`, ...statusCodes(it)].join(' ');
      });
  }
}

function textsOf(stanzas: readonly Element[], room: string): string[] {
  return stanzas.flatMap((it) => {
    const isOfRoom =
      it.is('message') && it.attrs.type === 'groupchat' && it.attrs.from?.startsWith(`${room}/`);
    const text = it.getChildText('body');
    return isOfRoom && text !== undefined ? [text] : [];
  });
}

export function isSubject(element: Element): boolean {
  return element.is('message') && !!element.getChild('subject') && !element.getChild('body');
}
