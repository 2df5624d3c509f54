// Elements as text, for keeping: a tree takes many times the memory of its text.

import { compactText } from './compact-text.ts';
import { detach } from './names.ts';
import { contentOf, serializeAround, type Written } from './serialize.ts';

/** An element with its children as text. Keeps none of the bytes alive that the element was parsed from. */
export interface FlatElement {
  readonly name: string;
  readonly attrs: Readonly<Record<string, string | undefined>>;
  /** The children as XML. Elements that share their children, as copies made by `with` do, share this text too. */
  readonly content: string;
  /** The size of `content` in UTF-8. */
  readonly contentBytes: number;
}

/** Memory of a flattened element, and of each attribute, without their texts; measured and rounded up. */
const FLAT_BYTES = 250;
const ATTRIBUTE_BYTES = 40;

/** Shorter texts are copied by the runtime in any case. */
const SHORTEST_SLICE = 13;

/** Flattens an element. Its list of children must not change any more (it is frozen). */
export function flatten({ name, attrs, children }: Written): FlatElement {
  const content = contentOf(children);
  if (content.bytes === undefined) {
    const { text, bytes } = compactText(content.text);
    content.text = text;
    content.bytes = bytes;
  }
  return { name, attrs: flatAttributes(attrs), content: content.text, contentBytes: content.bytes };
}

/** Copies all values at once, since each copy costs more than its characters. They share one text. */
function flatAttributes(attrs: Written['attrs']): FlatElement['attrs'] {
  let all = '';
  for (const key in attrs) if (isSlice(attrs[key])) all += attrs[key];
  const { text } = compactText(all);
  const flat: Record<string, string | undefined> = {};
  let done = 0;
  for (const key in attrs) {
    const value = attrs[key];
    flat[key] = isSlice(value) ? text.slice(done, done + value.length) : value;
    if (isSlice(value)) done += value.length;
  }
  return flat;
}

/** The memory that a flattened element takes, in bytes. */
export function flatBytes({ attrs, contentBytes }: FlatElement): number {
  let bytes = FLAT_BYTES + contentBytes;
  for (const name in attrs) bytes += ATTRIBUTE_BYTES + (attrs[name]?.length ?? 0);
  return bytes;
}

/** Writes a flattened element as XML, exactly as `serialize` writes the element itself. */
export function serializeFlat(flat: FlatElement): string {
  return serializeAround(flat, flat.content);
}

/** A text that shares no memory with the text it was cut out of. */
export function flatText<T extends string | undefined>(text: T): T {
  return (isSlice(text) ? detach(text) : text) as T;
}

/** Whether a text may be a part of another one, which it keeps in memory. */
function isSlice(text: string | undefined): text is string {
  return text !== undefined && text.length >= SHORTEST_SLICE;
}
