// Converts elements of other libraries: `xml` of @xmpp/xml, `Element` of ltx. The API converts the elements that
// modules pass to it, so all other code sees one kind of element: names without prefixes, `xmlns` where the namespace
// changes.

import { NS } from './namespaces.ts';

/** An element of any library that has the shape of ltx. */
export interface ForeignElement {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: ltx accepts any value with a text form
  readonly attrs: any;
  // biome-ignore lint/suspicious/noExplicitAny: the same
  readonly children: readonly any[];
}

/** Builds an element of our class. */
type Make<E> = (name: string, attrs: Record<string, string>, children: (E | string)[]) => E;

interface Scope {
  /** The namespace of the converted parent; `undefined` for the content namespace of the stream. */
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
/** The namespaces that become `undefined`, since stanzas have no `xmlns`. */
const CONTENT: ReadonlySet<string> = new Set([NS.CLIENT, NS.SERVER]);

export function isForeign(value: unknown): value is ForeignElement {
  const { name, children } = (value ?? {}) as Partial<ForeignElement>;
  return typeof name === 'string' && Array.isArray(children);
}

/**
 * Converts an element and its descendants. Descendants of our own class are not converted.
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

/** Resolves the names of an element and its attributes (Namespaces in XML §5, §6). */
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

/** Attributes keep their prefixes, and their element declares those that it uses. */
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
