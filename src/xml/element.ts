// The XML elements of stanzas: ltx's Element, with the namespaces of Namespaces in XML.

import { Element as LtxElement } from 'ltx';
import { type FlatElement, flatten } from './flat.ts';
import { converted, type ForeignElement } from './foreign.ts';
import { extend, serialize } from './serialize.ts';

export type Node = Element | string;
/** The type of elements that modules pass to the API: ours, or those of ltx and @xmpp/xml. */
export type ElementLike = Element | ForeignElement;
export type NodeLike = ElementLike | string;
export type Attrs = Record<string, string | undefined>;

/**
 * One XML element.
 *
 * A stanza has no `xmlns`: its namespace is the content namespace of its stream (`jabber:client` or `jabber:server`,
 * RFC 6120 §4.8.2), so the same tree serialises on both. Elements that inherit it have `getNS() === undefined`. The
 * parser removes prefixes of element names and redundant declarations.
 *
 * A routed stanza is never edited: make a copy with {@link Element.with}, which shares the children.
 */
export class Element extends LtxElement {
  declare name: string;
  declare parent: Element | null;
  declare children: Node[];
  declare attrs: Attrs;

  /** The namespace; `undefined` stands for the content namespace of the stream. */
  getNS(): string | undefined {
    let element: Element | null = this;
    while (element) {
      const own = element.attrs.xmlns;
      if (own !== undefined) return own;
      element = element.parent;
    }
    return undefined;
  }

  /** Whether this is an element `name` in `xmlns` (default: the content namespace). */
  is(name: string, xmlns?: string): boolean {
    return this.getName() === name && this.getNS() === xmlns;
  }

  /** The first child element with that name, in this element's namespace unless `xmlns` is given. */
  getChild(name: string, xmlns?: string): Element | undefined {
    for (const child of this.children) {
      if (typeof child !== 'string' && matches(child, this, name, xmlns)) return child;
    }
    return undefined;
  }

  /** All child elements with that name, in this element's namespace unless `xmlns` is given. */
  getChildren(name: string, xmlns?: string): Element[] {
    return this.elements().filter((child) => matches(child, this, name, xmlns));
  }

  /** The text of the first such child; `undefined` if there is none. */
  getChildText(name: string, xmlns?: string): string | undefined {
    return this.getChild(name, xmlns)?.text();
  }

  /** The child elements, without the text between them. */
  elements(): Element[] {
    return this.children.filter((child) => typeof child !== 'string');
  }

  /** The text directly inside this element. */
  text(): string {
    let text = '';
    for (const child of this.children) if (typeof child === 'string') text += child;
    return text;
  }

  /** Appends children to an element that has not been routed yet. Returns this element. */
  append(...children: (NodeLike | undefined)[]): this {
    for (const child of children) {
      if (child === undefined) continue;
      const node = typeof child === 'string' ? child : ownElement(child);
      if (typeof node !== 'string') node.parent = this;
      this.children.push(node);
    }
    return this;
  }

  /**
   * A copy with changed attributes that shares the children (`undefined` removes an attribute). All copies share the
   * serialised children, see `share` in `serialize.ts`.
   */
  with(attrs: Attrs): Element {
    const copy = new Element(this.name);
    copy.parent = this.parent;
    copy.children = this.children;
    copy.attrs = { ...this.attrs };
    let removes = false;
    for (const name in attrs) {
      if (attrs[name] === undefined) removes = true;
      else copy.attrs[name] = attrs[name];
    }
    if (removes) copy.attrs = without(copy.attrs, attrs);
    return copy;
  }

  /** A copy with the same attributes and other children. The children keep their first parent. */
  withChildren(children: NodeLike[]): Element {
    const copy = new Element(this.name, this.attrs);
    copy.parent = this.parent;
    copy.children = children.every(isOwnNode) ? children : children.map(ownNode);
    return copy;
  }

  /**
   * A copy with one more child, at the end. Children that were serialised (see `share`) are not serialised again. The child
   * keeps its parent if it has one.
   */
  plus(child: ElementLike): Element {
    const added = ownElement(child);
    const copy = new Element(this.name, this.attrs);
    copy.parent = this.parent;
    copy.children = extend(this.children, [...this.children, added], added);
    added.parent ??= copy;
    return copy;
  }

  /** This element as text that can be kept, without the tree. The children must not change any more (they are frozen). */
  get flattened(): FlatElement {
    return flatten(this);
  }

  override toString(): string {
    return serialize(this);
  }
}

/**
 * Copies the attributes without those whose new value is `undefined`. Avoids `delete`, which changes the object to
 * dictionary mode: once the serialiser has seen such an object, V8 iterates over all attributes slowly.
 */
function without(attrs: Attrs, removed: Attrs): Attrs {
  const rest: Attrs = {};
  for (const name in attrs) if (!(name in removed) || removed[name] !== undefined) rest[name] = attrs[name];
  return rest;
}

/** A top-level message, presence or iq. */
export type Stanza = Element;

/**
 * The element itself, if it is one of ours; else a conversion to one.
 * @throws TypeError for a prefix that is not declared
 */
export function ownElement(element: ElementLike): Element {
  return element instanceof Element ? element : converted(element, make, isElement);
}

function make(name: string, attrs: Record<string, string>, children: Node[]): Element {
  return new Element(name, attrs).append(...children);
}

function isElement(value: unknown): value is Element {
  return value instanceof Element;
}

function isOwnNode(node: NodeLike): node is Node {
  return typeof node === 'string' || node instanceof Element;
}

function ownNode(node: NodeLike): Node {
  return typeof node === 'string' ? node : ownElement(node);
}

/**
 * Builds an element: `xml('ping', NS.PING)`, `xml('item', { jid, name }, xml('group', {}, 'Friends'))`.
 * A string instead of attributes is the namespace. Attributes and children that are `undefined` are left out.
 */
export function xml(name: string, attrs?: Attrs | string, ...children: (NodeLike | undefined)[]): Element {
  const element = new Element(name);
  if (typeof attrs === 'string') element.attrs.xmlns = attrs;
  else if (attrs !== undefined) {
    for (const key in attrs) {
      const value = attrs[key];
      if (value !== undefined) element.attrs[key] = value;
    }
  }
  return element.append(...children);
}

function matches(child: Element, parent: Element, name: string, xmlns: string | undefined): boolean {
  if (child.name !== name && !isPrefixed(child, name)) return false;
  const own = child.attrs.xmlns;
  if (xmlns !== undefined) return (own ?? child.getNS()) === xmlns;
  return own === undefined || own === parent.getNS();
}

/** The parser removes prefixes, so few elements have one. */
function isPrefixed(element: Element, name: string): boolean {
  return element.name.length > name.length && element.getName() === name;
}
