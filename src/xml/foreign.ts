// Elements that other libraries build: `xml` of @xmpp/xml, `Element` of ltx. They are converted where a module hands them
// over, so that all other code meets one kind of element: names without prefixes, and `xmlns` where the namespace changes.

import { NS } from './namespaces.ts';

/** An element of any library that has the shape of ltx. */
export interface ForeignElement {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: ltx takes what has a text
  readonly attrs: any;
  // biome-ignore lint/suspicious/noExplicitAny: the same
  readonly children: readonly any[];
}

/** Makes an element of ours. */
type Make<E> = (name: string, attrs: Record<string, string>, children: (E | string)[]) => E;

interface Scope {
  /** Of the parent as we write it; `undefined` for the content namespace of the stream. */
  readonly parent: string | undefined;
  /** The default namespace. */
  readonly fallback: string | undefined;
  readonly prefixes: Readonly<Record<string, string>>;
}

const OUTSIDE: Scope = {
  parent: undefined,
  fallback: undefined,
  prefixes: { xml: NS.XML, stream: NS.STREAM },
};
/** A stanza carries no `xmlns` of its own. */
const CONTENT: ReadonlySet<string> = new Set([NS.CLIENT, NS.SERVER]);

export function isForeign(value: unknown): value is ForeignElement {
  const { name, children } = (value ?? {}) as Partial<ForeignElement>;
  return typeof name === 'string' && Array.isArray(children);
}

/**
 * Converts an element and all below it. Elements of ours below it stay as they are.
 * @throws TypeError for a prefix that is not declared
 */
export function converted<E>(
  foreign: ForeignElement,
  make: Make<E>,
  isOwn: (value: unknown) => value is E,
): E {
  const convert = (element: ForeignElement, outside: Scope): E => {
    const { scope, name, xmlns } = readName(element, outside);
    const attrs = readAttributes(element, scope);
    if (xmlns !== outside.parent) attrs.xmlns = xmlns ?? NS.CLIENT;
    const children: (E | string)[] = [];
    for (const child of element.children) {
      if (child === undefined || child === null) continue;
      if (isOwn(child)) children.push(child);
      else children.push(isForeign(child) ? convert(child, { ...scope, parent: xmlns }) : `${child}`);
    }
    return make(name, attrs, children);
  };
  return convert(foreign, OUTSIDE);
}

/** Namespaces in XML §5, §6: what the names of an element and of its attributes mean. */
function readName(element: ForeignElement, outside: Scope) {
  const prefixes: Record<string, string> = { ...outside.prefixes };
  let { fallback } = outside;
  for (const key in element.attrs) {
    if (key === 'xmlns') fallback = content(`${element.attrs.xmlns}`);
    else if (key.startsWith('xmlns:')) prefixes[key.slice('xmlns:'.length)] = `${element.attrs[key]}`;
  }
  const { prefix, local } = split(element.name);
  const scope: Scope = { parent: outside.parent, fallback, prefixes };
  return { scope, name: local, xmlns: prefix === undefined ? fallback : namespaceOf(prefix, scope) };
}

/** Attributes keep their prefixes, and the element that uses one declares it. */
function readAttributes({ attrs }: ForeignElement, scope: Scope): Record<string, string> {
  const read: Record<string, string> = {};
  for (const key in attrs) {
    const value = attrs[key];
    if (value === undefined || value === null || key === 'xmlns' || key.startsWith('xmlns:')) continue;
    read[key] = `${value}`;
    const { prefix } = split(key);
    if (prefix !== undefined && prefix !== 'xml') read[`xmlns:${prefix}`] = namespaceOf(prefix, scope);
  }
  return read;
}

function content(xmlns: string): string | undefined {
  return CONTENT.has(xmlns) ? undefined : xmlns;
}

function split(name: string): { prefix: string | undefined; local: string } {
  const colon = name.indexOf(':');
  return colon < 0
    ? { prefix: undefined, local: name }
    : { prefix: name.slice(0, colon), local: name.slice(colon + 1) };
}

function namespaceOf(prefix: string, { prefixes }: Scope): string {
  const xmlns = prefixes[prefix];
  if (xmlns === undefined)
    throw new TypeError(`The prefix "${prefix}" of an element or attribute is not declared`);
  return xmlns;
}
