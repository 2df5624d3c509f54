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
  const flat: Record<string, string | undefined> = {};
  for (const key in attrs) flat[key] = flatText(attrs[key]);
  const content = contentOf(children);
  if (content.bytes === undefined) Object.assign(content, compactText(content.text));
  return { name, attrs: flat, content: content.text, contentBytes: content.bytes ?? 0 };
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
  return (text === undefined || text.length < SHORTEST_SLICE ? text : detach(text)) as T;
}
