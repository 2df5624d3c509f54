// Serialises elements. The output is well-formed for any text in a stanza.

import { QNAME } from './chars.ts';

/** Where a list of children keeps its text. */
const SHARED = Symbol('shared');

/** The text of a list of children. */
export interface SharedContent {
  text: string;
  /** The size of the text in UTF-8; `undefined` until the text is compact (see `flat.ts`). */
  bytes: number | undefined;
}

/** The members of an element that are serialised. */
export interface Written {
  readonly name: string;
  readonly attrs: Readonly<Record<string, string | undefined>>;
  readonly children: Children;
}

export interface Children extends ReadonlyArray<Written | string> {
  [SHARED]?: SharedContent;
}

/**
 * Writes an element and its descendants as XML. Characters that XML 1.0 does not allow become U+FFFD, because they
 * would make the peer close the stream. Quotes in text are not escaped. White space that a parser would normalise
 * becomes references (XML 1.0 §2.11, §3.3.3).
 *
 * @throws Error if a name is not a qualified XML name; names must not come from unchecked input.
 */
export function serialize(element: Written): string {
  return serializeAround(element, serializeChildren(element.children));
}

/** Writes an element around its content, which is XML already. @throws Error when a name is not an XML name */
export function serializeAround(element: Omit<Written, 'children'>, content: string): string {
  const start = startOf(element);
  return content === '' ? `${start}/>` : `${start}>${content}</${element.name}>`;
}

/** Writes the start tag only, for the header of a stream. @throws Error if a name is not an XML name. */
export function openTag(element: Written): string {
  return `${startOf(element)}>`;
}

/**
 * Prepares an element for many recipients: serialises its children and stores the text with the list of children, which
 * all copies by `element.with(…)` share. So serialising a copy builds only its start tag. Freezes the list. Returns the
 * same element.
 */
export function share<E extends Written>(element: E): E {
  contentOf(element.children);
  return element;
}

/** The text of a list of children, serialised once. The list must not change any more (it is frozen). */
export function contentOf(children: Children): SharedContent {
  return children[SHARED] ?? keepContent(children, serializeChildren(children));
}

/**
 * Makes an element that is written with `text` after its children. Only the children are visible: in the tree, and in what
 * is computed from it, such as `flatCopy`.
 * @param text XML that `serialize` wrote
 */
export function preserialized<E extends Written>(element: E, text: string): E {
  keepContent(element.children, serializeChildren(element.children) + text);
  return element;
}

/** A longer list of children, written as the shorter one and `added`. The shorter one is serialised if it was already. */
export function extend<C extends Children>(children: C, longer: C, added: Written): C {
  const shared = children[SHARED];
  if (shared !== undefined) keepContent(longer, shared.text + serialize(added));
  return longer;
}

function keepContent(children: Children, text: string): SharedContent {
  const content = { text, bytes: undefined };
  children[SHARED] = content;
  Object.freeze(children);
  return content;
}

function serializeChildren(children: Children): string {
  const shared = children[SHARED];
  if (shared !== undefined) return shared.text;
  let content = '';
  for (let i = 0; i < children.length; i++) {
    const child = children[i]!;
    content += typeof child === 'string' ? escapeText(child) : serialize(child);
  }
  return content;
}

/** `<name a='b'`, without the end of the tag. */
function startOf(element: Omit<Written, 'children'>): string {
  let tag = wordFor(element.name).tag;
  const attrs = element.attrs;
  let first = true;
  for (const key in attrs) {
    const value = attrs[key];
    if (value === undefined) continue;
    const word = wordFor(key);
    tag += (first ? word.firstKey : word.key) + escapeAttribute(value);
    first = false;
  }
  return first ? tag : `${tag}'`;
}

/** A checked name with its serialised forms, to avoid repeated checks and concatenations. */
interface Word {
  readonly name: string;
  readonly tag: string;
  readonly firstKey: string;
  /** The name as an attribute, with the closing quote of the attribute before it. */
  readonly key: string;
}

/** The fixed size of the cache: names of parsed elements are cached too, and new ones evict others. */
const SLOTS = 1024;
const words: (Word | undefined)[] = new Array(SLOTS).fill(undefined);

function wordFor(name: string): Word {
  const length = name.length;
  const hash =
    name.charCodeAt(0) * 31 + name.charCodeAt(length >> 1) * 7 + name.charCodeAt(length - 1) + length * 131;
  const slot = hash & (SLOTS - 1);
  const word = words[slot];
  if (word !== undefined && word.name === name) return word;
  if (!QNAME.test(name)) throw new Error(`Not an XML name: ${JSON.stringify(name)}`);
  const fresh = { name, tag: `<${name}`, firstKey: ` ${name}='`, key: `' ${name}='` };
  words[slot] = fresh;
  return fresh;
}

// One test finds whether a value has characters to replace; most have none. Only then surrogates are checked.
const UNSAFE_TEXT = /[&<>\r\u0000-\u0008\u000B\u000C\u000E-\u001F\uD800-\uDFFF\uFFFE\uFFFF]/;
const UNSAFE_ATTRIBUTE = /[&<>'\u0000-\u001F\uD800-\uDFFF\uFFFE\uFFFF]/;

/** Replacements of ASCII characters in text and in attribute values; `undefined`: not replaced. */
const IN_TEXT = replacements({
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\r': '&#13;',
  '\t': '\t',
  '\n': '\n',
});
const IN_ATTRIBUTE = replacements({
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
});

function escapeText(text: string): string {
  return UNSAFE_TEXT.test(text) ? replaceIn(text.toWellFormed(), IN_TEXT) : text;
}

/** For values in single quotes. */
function escapeAttribute(text: string): string {
  return UNSAFE_ATTRIBUTE.test(text) ? replaceIn(text.toWellFormed(), IN_ATTRIBUTE) : text;
}

/** The number of bytes that `serialize` writes for a text. The text must be valid in XML (§2.2). */
export function textBytes(text: string): number {
  return Buffer.byteLength(text) + (UNSAFE_TEXT.test(text) ? addedBytes(text, IN_TEXT) : 0);
}

/** The number of bytes that `serialize` writes for the value of an attribute, without its quotes. */
export function attributeBytes(text: string): number {
  return Buffer.byteLength(text) + (UNSAFE_ATTRIBUTE.test(text) ? addedBytes(text, IN_ATTRIBUTE) : 0);
}

function addedBytes(text: string, table: readonly (string | undefined)[]): number {
  let added = 0;
  for (let i = 0; i < text.length; i++) {
    const written = table[text.charCodeAt(i)];
    if (written !== undefined) added += written.length - 1;
  }
  return added;
}

function replaceIn(text: string, table: readonly (string | undefined)[]): string {
  let result = '';
  let done = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const written = code < 0x80 ? table[code] : code >= 0xfffe ? '\uFFFD' : undefined;
    if (written === undefined) continue;
    result += text.slice(done, i) + written;
    done = i + 1;
  }
  return result + text.slice(done);
}

function replacements(references: Record<string, string>): readonly (string | undefined)[] {
  return Array.from({ length: 0x80 }, (_, code) => {
    return references[String.fromCharCode(code)] ?? (code < 0x20 ? '\uFFFD' : undefined);
  });
}
