// What archives read from the texts of their rows, all written by `serialize`, and what they write over them.

import { type Element, NS, parseElement, xml } from '../xml/index.ts';
import type { Retraction } from './archive.ts';

/** Texts that name one of the ids, but are not the message; more of them end the search. A client's ids are in few. */
const MAX_PARSED = 100;
/** Of these texts, in characters. */
const MAX_PARSED_LENGTH = 256 * 1024;

/**
 * The first message that has one of these ids as its `id` or its `origin-id` (XEP-0359 §3.2). Reads rows until their texts
 * have more than `maxLength` characters together, or 100 of them, or 256 KiB, name an id elsewhere.
 */
export function findMessage<R extends { readonly xml: string }>(
  rows: Iterable<R>,
  ids: readonly string[],
  maxLength: number,
): R | undefined {
  const attributes = ids.map((id) => ` id='${attributeText(id)}'`);
  let [length, parsed, parsedLength] = [0, 0, 0];
  for (const row of rows) {
    if (attributes.some((attribute) => row.xml.includes(attribute))) {
      if (hasMessageId(row.xml, ids)) return row;
      parsed += 1;
      parsedLength += row.xml.length;
    }
    length += row.xml.length;
    if (length > maxLength || parsed >= MAX_PARSED || parsedLength > MAX_PARSED_LENGTH) return undefined;
  }
  return undefined;
}

/**
 * The first message that `findMessage` finds, if it has the body of `sent` too. A tombstone has none, and many clients count
 * their ids from 1 in each session.
 */
export function findSent<R extends { readonly xml: string }>(
  rows: Iterable<R>,
  sent: { readonly xml: string; readonly ids: readonly string[] },
  maxLength: number,
): R | undefined {
  const row = findMessage(rows, sent.ids, maxLength);
  return row && bodyOf(row.xml) === bodyOf(sent.xml) ? row : undefined;
}

function hasMessageId(text: string, ids: readonly string[]): boolean {
  const isOne = (id: string | undefined) => id !== undefined && ids.includes(id);
  if (isOne(rootOf(text).attrs.id)) return true;
  if (!text.includes('<origin-id')) return false;
  return isOne(parseElement(text).getChild('origin-id', NS.STANZA_ID)?.attrs.id);
}

/** The stanza without its children, which may take 300 ms to parse. `serialize` writes no `>` in an attribute. */
function rootOf(text: string): Element {
  const tag = text.slice(0, text.indexOf('>'));
  return parseElement(tag.endsWith('/') ? `${tag}>` : `${tag}/>`);
}

/** Whether the stanza is from or to this address. */
export function hasParty(text: string, address: string): boolean {
  if (!text.includes(attributeText(address))) return false;
  const { from, to } = rootOf(text).attrs;
  return from === address || to === address;
}

/** The first body; `''` if there is none. */
export function bodyOf(text: string): string {
  return plainBodyOf(text) ?? (text.includes('<body') ? (parseElement(text).getChildText('body') ?? '') : '');
}

/** The body of most messages, which needs no parser: the first child, without attributes, children and references. */
function plainBodyOf(text: string): string | undefined {
  const start = text.indexOf('>') + 1;
  if (!text.startsWith('<body>', start)) return undefined;
  const content = text.slice(start + '<body>'.length, text.indexOf('<', start + 1));
  return content.includes('&') ? undefined : content;
}

/**
 * XEP-0424 §5: the text that replaces a retracted message. `undefined` if the retraction does not apply: another occupant
 * wrote the message, or it is a retraction or a tombstone.
 */
export function tombstoneOf(
  text: string,
  { occupant, by }: Pick<Retraction, 'occupant' | 'by'>,
): string | undefined {
  const message = parseElement(text);
  const { from, to, type, id } = message.attrs;
  if (occupant !== undefined && occupant !== from && occupant !== to) return undefined;
  if (message.getChild('retract', NS.RETRACT) || message.getChild('retracted', NS.RETRACT)) return undefined;
  const stamp = new Date(by.at).toISOString();
  const children = [
    xml('retracted', { xmlns: NS.RETRACT, id: by.id, stamp }),
    message.getChild('occupant-id', NS.OCCUPANT_ID),
  ];
  return xml('message', { xmlns: rootNamespace(text), from, to, type, id }, ...children).toString();
}

/** A stored stanza may declare its namespace, which the parser takes for granted. */
function rootNamespace(text: string): string | undefined {
  return /^<\w+ xmlns='jabber:client'/.test(text) ? NS.CLIENT : undefined;
}

/** A value as it stands between the quotes of an attribute. */
function attributeText(value: string): string {
  const quoted = xml('x', { value }).toString();
  return quoted.slice("<x value='".length, -"'/>".length);
}
