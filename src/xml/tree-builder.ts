// Tags to elements: nesting, namespaces, and what is the stream's and what a stanza's.
//
// Names come out without prefixes and with an explicit `xmlns` wherever the namespace is another than the parent's.
// Attribute names keep their prefix, so every element that uses one carries its declaration: a part of a stanza may
// go elsewhere without the rest (PubSub items, forwarding) and must not need what its ancestors declared. What this
// adds counts towards the size of the stanza, or `<p:a/>` could stand for as many copies of a long namespace.

import { Element, type Node } from './element.ts';
import { StreamError } from './errors.ts';
import type { ParserLimits } from './limits.ts';
import type { Name } from './names.ts';
import { NS } from './namespaces.ts';
import type { TokenSink } from './tokenizer.ts';

export interface ParserHandler {
  /**
   * The stream's opening tag: an element without children; `name` is the local name, `attrs.xmlns` its own namespace,
   * other attributes are as received, declarations of prefixes included. `contentNamespace` is the default namespace
   * that the tag declares for its content (RFC 6120 §4.8.2), `undefined` when it declares none.
   */
  onOpen(root: Element, contentNamespace: string | undefined): void;
  /** A complete first-level child; without `xmlns` when it is in the content namespace. The handler owns it. */
  onElement(element: Element): void;
  /** The closing tag of the stream. */
  onClose(): void;
}

/** An element that is not complete. */
interface Open {
  readonly name: Name;
  readonly xmlns: string;
  /** The default namespace of its content. */
  readonly fallback: string;
  /** How many prefixes were bound outside of it. */
  readonly bound: number;
  readonly element: Element;
}

interface Binding {
  readonly prefix: string;
  readonly xmlns: string;
}

export class TreeBuilder implements TokenSink {
  limits: ParserLimits;
  contentNamespace: string | undefined;
  depth = 0;
  ended = false;
  readonly #handler: ParserHandler;
  /** The root first. */
  readonly #open: Open[] = [];
  readonly #bindings: Binding[] = [];
  #text = '';

  constructor(handler: ParserHandler, limits: ParserLimits) {
    this.#handler = handler;
    this.limits = limits;
  }

  get openName(): Name | undefined {
    return this.#open[this.depth - 1]?.name;
  }

  text(text: string): void {
    this.#text += text;
  }

  startTag(name: Name, attributes: readonly Name[], values: readonly string[]): number {
    if (this.depth >= this.limits.depth)
      throw new StreamError('policy-violation', 'Elements nested too deeply');
    if (attributes.length > 1) rejectDuplicates(attributes);
    this.#flushText();
    const parent = this.depth === 0 ? undefined : this.#open[this.depth - 1]!;
    const bound = this.#bindings.length;
    const declared = attributes.length === 0 ? undefined : this.#declare(attributes, values);
    const fallback = declared ?? (parent === undefined ? '' : parent.fallback);
    const xmlns = name.prefix === undefined ? fallback : this.#bindings[this.#find(name.prefix)]!.xmlns;
    const element = new Element(name.local);
    this.#open.push({ name, xmlns, fallback, bound, element });
    this.depth++;
    if (parent === undefined) return this.#openStream(element, xmlns, declared, attributes, values);

    let added = 0;
    if (xmlns !== (this.depth === 2 ? this.contentNamespace : parent.xmlns)) {
      element.attrs.xmlns = xmlns;
      if (xmlns !== declared) added += ` xmlns=''`.length + xmlns.length;
    }
    if (attributes.length > 0) added += this.#setAttributes(element, attributes, values);
    if (this.depth > 2) {
      element.parent = parent.element;
      addChild(parent.element, element);
    }
    return added;
  }

  endTag(name: Name | undefined): void {
    const { name: opened, bound, element } = this.#open[this.depth - 1]!;
    if (name !== undefined && name.text !== opened.text) {
      throw new StreamError('not-well-formed', 'End tag of another element');
    }
    this.#flushText();
    this.#open.pop();
    while (this.#bindings.length > bound) this.#bindings.pop();
    this.depth--;
    if (this.depth === 1) this.#handler.onElement(element);
    if (this.depth > 0) return;
    this.ended = true;
    this.#handler.onClose();
  }

  #openStream(
    root: Element,
    xmlns: string,
    declared: string | undefined,
    attributes: readonly Name[],
    values: readonly string[],
  ): number {
    root.attrs.xmlns = xmlns;
    this.#setAttributes(root, attributes, values);
    // "The content namespace MUST be other than the stream namespace" (RFC 6120 §4.8.2).
    this.contentNamespace = declared === xmlns || declared === '' ? undefined : declared;
    this.#handler.onOpen(root, this.contentNamespace);
    return 0;
  }

  #flushText(): void {
    if (this.#text === '') return;
    addChild(this.#open[this.depth - 1]!.element, this.#text);
    this.#text = '';
  }

  // ── Namespaces ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Binds the prefixes that a tag declares; returns the default namespace that it declares. */
  #declare(attributes: readonly Name[], values: readonly string[]): string | undefined {
    let declared: string | undefined;
    for (let i = 0; i < attributes.length; i++) {
      const prefix = attributes[i]!.declares;
      if (prefix === undefined) continue;
      const xmlns = values[i]!;
      checkBinding(prefix, xmlns);
      if (prefix === '') declared = xmlns;
      else if (prefix !== 'xml') this.#bind({ prefix, xmlns });
    }
    return declared;
  }

  #bind(binding: Binding): void {
    if (this.#bindings.length >= this.limits.namespaceDeclarations) {
      throw new StreamError('policy-violation', 'Too many namespace prefixes');
    }
    this.#bindings.push(binding);
  }

  /** The index of the innermost binding of a prefix. */
  #find(prefix: string): number {
    for (let i = this.#bindings.length - 1; i >= 0; i--) {
      if (this.#bindings[i]!.prefix === prefix) return i;
    }
    throw new StreamError('bad-namespace-prefix', 'Unknown namespace prefix');
  }

  // ── Attributes ───────────────────────────────────────────────────────────────────────────────────────────────

  #setAttributes(element: Element, names: readonly Name[], values: readonly string[]): number {
    const attrs = element.attrs;
    let added = 0;
    let prefixed = 0;
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      if (name.declares === '' || name.declares === 'xml') continue;
      if (name.text === '__proto__') throw new StreamError('policy-violation', 'Attribute name not allowed');
      attrs[name.text] = values[i]!;
      if (name.prefix === undefined || name.prefix === 'xml' || name.prefix === 'xmlns') continue;
      added += this.#declareFor(element, name.prefix);
      prefixed++;
    }
    if (prefixed > 1) this.#rejectSynonyms(names);
    return added;
  }

  /** Adds the declaration of a prefix that an attribute of the element uses, unless the element has it already. */
  #declareFor(element: Element, prefix: string): number {
    const index = this.#find(prefix);
    const key = `xmlns:${prefix}`;
    const ownFrom = this.#open[this.depth - 1]!.bound;
    if (index >= ownFrom || element.attrs[key] !== undefined) return 0;
    const { xmlns } = this.#bindings[index]!;
    element.attrs[key] = xmlns;
    return ` ${key}=''`.length + xmlns.length;
  }

  /** Two attributes with one name through two prefixes (Namespaces in XML §6.3). */
  #rejectSynonyms(names: readonly Name[]): void {
    const seen = new Set<string>();
    for (const { prefix, local } of names) {
      if (prefix === undefined || prefix === 'xml' || prefix === 'xmlns') continue;
      const name = `${local} ${this.#bindings[this.#find(prefix)]!.xmlns}`;
      if (seen.has(name)) throw new StreamError('not-well-formed', 'Attribute given twice');
      seen.add(name);
    }
  }
}

/** Most elements have one child, and a list that grows from nothing makes room for seventeen. */
function addChild(parent: Element, child: Node): void {
  if (parent.children.length === 0) parent.children = [child];
  else parent.children.push(child);
}

function rejectDuplicates(attributes: readonly Name[]): void {
  for (let i = 1; i < attributes.length; i++) {
    for (let j = 0; j < i; j++) {
      if (attributes[i]!.text === attributes[j]!.text) {
        throw new StreamError('not-well-formed', 'Attribute given twice');
      }
    }
  }
}

/** Namespaces in XML §3: what may be declared as what. */
function checkBinding(prefix: string, xmlns: string): void {
  const fine =
    prefix === 'xml'
      ? xmlns === NS.XML
      : prefix !== 'xmlns' && xmlns !== NS.XML && xmlns !== NS.XMLNS && (prefix === '' || xmlns !== '');
  if (!fine) throw new StreamError('bad-namespace-prefix', 'Namespace declaration not allowed');
}
