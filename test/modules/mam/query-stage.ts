// Juliet's archive, with messages `m1`, `m2`, …, one a second from noon on, and her questions to it.

import type { TestContext } from 'node:test';
import { ARCHIVE_FLAGS, type ArchiveStore, type NamedArchiveRow } from '../../../src/storage/archive.ts';
import type { Element } from '../../../src/xml/element.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { archiveOf } from '../../support/waiting.ts';
import { BALCONY, JULIET, ORCHARD, type Stage, type StageOptions, stage } from './stage.ts';

export const MAM = 'urn:xmpp:mam:2';
export const NOON = Date.UTC(2025, 5, 1, 12);

export interface Library extends Stage {
  readonly archive: ArchiveStore;
}

/** Juliet has an archive of `messages` messages from Romeo. */
export async function library(
  t: TestContext,
  messages: number,
  options: StageOptions = {},
): Promise<Library> {
  const there = await stage(t, options);
  const archive = archiveOf(there.server.server);
  for (let n = 1; n <= messages; n++) await add(archive, { n });
  return { ...there, archive };
}

export interface Message {
  /** Its id is `m` and the number, and it is from that second after noon. */
  readonly n: number;
  readonly from?: string;
  readonly to?: string;
  readonly body?: string;
  readonly with?: string;
  readonly flags?: number;
}

/** Adds a message from Romeo, or one from Juliet. */
export async function add(archive: ArchiveStore, message: Message, owner = 'juliet'): Promise<void> {
  await archive.adopt(owner, { ...rowOf(message), at: NOON + message.n * 1_000 });
}

function rowOf({ n, from = ORCHARD, to = JULIET, body = `${n}`, ...row }: Message): NamedArchiveRow {
  const isSent = from.startsWith(JULIET);
  return {
    name: `m${n}`,
    with: row.with ?? (isSent ? to : from).split('/')[0]!,
    flags: (row.flags ?? 0) | (isSent ? ARCHIVE_FLAGS.sent : 0),
    xml: textOf({ from, to, body }),
  };
}

export function textOf({ from = ORCHARD, to = JULIET, body }: Partial<Message>): string {
  return `<message xmlns='jabber:client' from='${from}' to='${to}' type='chat'><body>${body}</body></message>`;
}

export interface Reply {
  /** The ids of the results, as they came. */
  readonly ids: (string | undefined)[];
  readonly results: readonly Element[];
  /** The iq that ended them. */
  readonly iq: Element;
  /** `first last count`, and `complete`; for an error, its condition and its type. */
  readonly end: string;
}

/** What the query holds, beside its form and its set. */
export interface Question {
  /** Fields of the form, without FORM_TYPE; a list of values for `ids`. */
  readonly fields?: Readonly<Record<string, string | readonly string[]>>;
  /** The content of the set. */
  readonly set?: string;
  readonly more?: string;
  readonly queryId?: string;
  readonly to?: string;
}

/** Sends a query, and takes all that comes until it is answered. */
export async function ask(client: ScriptedClient, question: Question = {}): Promise<Reply> {
  const id = `query-${++count}`;
  client.send(requestOf(id, question));
  return replyTo(client, id);
}

export function requestOf(id: string, { fields, set, more = '', queryId, to }: Question): string {
  const attr = (name: string, value: string | undefined) =>
    value === undefined ? '' : ` ${name}='${value}'`;
  const page = set === undefined ? '' : `<set xmlns='http://jabber.org/protocol/rsm'>${set}</set>`;
  const query = `<query xmlns='${MAM}'${attr('queryid', queryId)}>${formOf(fields)}${page}${more}</query>`;
  return `<iq type='set' id='${id}'${attr('to', to)}>${query}</iq>`;
}

function formOf(fields: Question['fields']): string {
  if (fields === undefined) return '';
  const given = Object.entries({ FORM_TYPE: MAM, ...fields });
  return `<x xmlns='jabber:x:data' type='submit'>${given.map(fieldOf).join('')}</x>`;
}

function fieldOf([name, values]: [string, string | readonly string[]]): string {
  const texts = [values].flat().map((value) => `<value>${value}</value>`);
  return `<field var='${name}'>${texts.join('')}</field>`;
}

/** Takes all that comes until the iq of this id. */
export async function replyTo(client: ScriptedClient, id: string): Promise<Reply> {
  const results: Element[] = [];
  for (;;) {
    const element = await client.next();
    if (element.name === 'iq' && element.attrs.id === id) {
      const ids = results.map((result) => result.getChild('result', MAM)?.attrs.id);
      return { ids, results, iq: element, end: endOf(element) };
    }
    if (element.getChild('result', MAM)) results.push(element);
  }
}

function endOf(iq: Element): string {
  const error = iq.getChild('error');
  if (error) return `${error.elements()[0]?.name} ${error.attrs.type}`;
  const fin = iq.getChild('fin', MAM);
  const set = fin?.getChild('set', 'http://jabber.org/protocol/rsm');
  const [first, last, total] = ['first', 'last', 'count'].map((name) => set?.getChildText(name) ?? '-');
  return [first, last, total, ...(fin?.attrs.complete === 'true' ? ['complete'] : [])].join(' ');
}

/** A time in the form of XEP-0082, this many ms after noon. */
export function time(ms: number): string {
  return new Date(NOON + ms).toISOString();
}

/** `m1`, `m2`, … */
export function ids(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `m${from + i}`);
}

export { BALCONY, JULIET, ORCHARD };

let count = 0;
