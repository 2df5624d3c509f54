// Builds elements from tags: nesting, namespaces, and the difference between stream and stanzas.
//
// Elements get names without prefixes, and an `xmlns` where the namespace differs from that of the parent. Attribute
// names keep their prefixes, and every element that uses a prefix gets its declaration, since a part of a stanza may be
// sent without the rest (PubSub items, forwarding). Added declarations count towards the limits, for two reasons: a
// server with the same limits must be able to parse our output, and many short `<p:a/>` must not each become a copy of
// a long namespace.

import { cutContent } from './cut.ts';
import { Element, type Node } from './element.ts';
import { StreamError } from './errors.ts';
import type { ParserLimits } from './limits.ts';
import type { Name } from './names.ts';
import { NS } from './namespaces.ts';
import { attributeBytes } from './serialize.ts';
import type { TokenSink } from './tokenizer.ts';

export interface ParserHandler {
  /**
   * The opening tag of the stream, as an element without children. `name` is the local name and `attrs.xmlns` its
   * namespace; other attributes are as received, including declarations of prefixes. `contentNamespace` is the default
   * namespace that the tag declares (RFC 6120 §4.8.2); `undefined` if it declares none.
   */
  onOpen(root: Element, contentNamespace: string | undefined): void;
  /**
   * A complete first-level child, owned by the handler. It has no `xmlns` if it is in the content namespace, and no
   * content if it is too large (see `isCut`).
   */
  onElement(element: Element): void;
  /** The closing tag of the stream. */
  onClose(): void;
}

/** An open element. */
interface Open {
  readonly name: Name;
  readonly xmlns: string;
  /** The default namespace of its content. */
  readonly fallback: string;
  /** The number of prefixes bound outside of it. */
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
  /** Elements, attributes and pieces of text in the output of the stanza so far. */
  nodes = 0;
  readonly #handler: ParserHandler;
  /** The root first. */
  readonly #open: Open[] = [];
  /** The header's bindings come first. */
  readonly #bindings: Binding[] = [];
  #headerBindings = 0;
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
    const xmlns = name.prefix === undefined ? fallback : this.#namespaceOf(name.prefix);
    const element = new Element(name.local);
    this.#open.push({ name, xmlns, fallback, bound, element });
    this.depth++;
    if (parent === undefined) return this.#openStream(element, xmlns, declared, attributes, values);

    if (this.depth === 2) this.nodes = 0;
    this.nodes += 1 + attributes.length;
    let added = 0;
    if (xmlns !== (this.depth === 2 ? this.contentNamespace : parent.xmlns)) {
      element.attrs.xmlns = xmlns;
      if (xmlns !== declared) added += this.#declaration('xmlns', xmlns);
    }
    if (attributes.length > 0) added += this.#setAttributes(element, attributes, values);
    if (this.depth > 2) {
      element.parent = parent.element;
      this.#addChild(parent.element, element);
    }
    return added;
  }

  endTag(name: Name | undefined, isTooLarge: boolean): void {
    const { name: opened, bound, element } = this.#open[this.depth - 1]!;
    if (name !== undefined && name.text !== opened.text) {
      throw new StreamError('not-well-formed', 'End tag of another element');
    }
    this.#flushText();
    this.#open.pop();
    while (this.#bindings.length > bound) this.#bindings.pop();
    this.depth--;
    if (this.depth === 1) {
      if (isTooLarge || this.#hasTooMany) cutContent(element);
      this.#handler.onElement(element);
    }
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
    this.#headerBindings = this.#bindings.length;
    // "The content namespace MUST be other than the stream namespace" (RFC 6120 §4.8.2).
    this.contentNamespace = declared === xmlns || declared === '' ? undefined : declared;
    this.#handler.onOpen(root, this.contentNamespace);
    return 0;
  }

  #flushText(): void {
    if (this.#text === '') return;
    this.nodes++;
    this.#addChild(this.#open[this.depth - 1]!.element, this.#text);
    this.#text = '';
  }

  /** Replaces an empty list by one of one child, since V8 reserves seventeen places when an empty list grows. */
  #addChild(parent: Element, child: Node): void {
    if (this.#hasTooMany) return;
    if (parent.children.length === 0) parent.children = [child];
    else parent.children.push(child);
  }

  get #hasTooMany(): boolean {
    return this.nodes > this.limits.nodes;
  }

  // ── Namespaces ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Binds the prefixes that a tag declares; returns the default namespace that it declares. */
  #declare(attributes: readonly Name[], values: readonly string[]): string | undefined {
    let declared: string | undefined;
    let others = 0;
    for (let i = 0; i < attributes.length; i++) {
      const prefix = attributes[i]!.declares;
      if (prefix === undefined) {
        others++;
        continue;
      }
      const xmlns = values[i]!;
      checkBinding(prefix, xmlns);
      if (prefix === '') declared = xmlns;
      else if (prefix !== 'xml') this.#bind(prefix, xmlns);
    }
    if (others > this.limits.attributes) throw new StreamError('policy-violation', 'Too many attributes');
    return declared;
  }

  /** Adds a binding and counts it, unless the same one is in scope in the stanza. */
  #bind(prefix: string, xmlns: string): void {
    const index = this.#indexOf(prefix);
    if (index >= this.#headerBindings && this.#bindings[index]!.xmlns === xmlns) return;
    if (this.#bindings.length - this.#headerBindings >= this.limits.namespaceDeclarations) {
      throw new StreamError('policy-violation', 'Too many namespace prefixes');
    }
    this.#bindings.push({ prefix, xmlns });
  }

  /** The index of the innermost binding of a prefix; -1 if there is none. */
  #indexOf(prefix: string): number {
    let i = this.#bindings.length - 1;
    while (i >= 0 && this.#bindings[i]!.prefix !== prefix) i--;
    return i;
  }

  #namespaceOf(prefix: string): string {
    const binding = this.#bindings[this.#indexOf(prefix)];
    if (binding === undefined) throw new StreamError('bad-namespace-prefix', 'Unknown namespace prefix');
    return binding.xmlns;
  }

  // ── Attributes ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Returns the number of bytes that the output is longer than the input. */
  #setAttributes(element: Element, names: readonly Name[], values: readonly string[]): number {
    const attrs = element.attrs;
    let prefixed = 0;
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      if (name.declares === '' || name.declares === 'xml') continue;
      if (name.text === '__proto__') throw new StreamError('policy-violation', 'Attribute name not allowed');
      attrs[name.text] = values[i]!;
      if (hasPrefix(name)) prefixed++;
    }
    if (prefixed > 1) this.#rejectSynonyms(names);
    return prefixed === 0 ? 0 : this.#declareUsed(element, names);
  }

  /** Adds declarations of the prefixes that the attributes use and the element does not declare. */
  #declareUsed({ attrs }: Element, names: readonly Name[]): number {
    let added = 0;
    for (const name of names) {
      if (!hasPrefix(name)) continue;
      const key = `xmlns:${name.prefix}`;
      if (attrs[key] !== undefined) continue;
      const xmlns = this.#namespaceOf(name.prefix);
      this.#bind(name.prefix, xmlns);
      attrs[key] = xmlns;
      added += this.#declaration(key, xmlns);
    }
    return added;
  }

  /** Counts an added declaration; returns the bytes of its output. */
  #declaration(key: string, xmlns: string): number {
    this.nodes++;
    return ` =''`.length + Buffer.byteLength(key) + attributeBytes(xmlns);
  }

  /** Refuses two attributes with the same name through two prefixes (Namespaces in XML §6.3). */
  #rejectSynonyms(names: readonly Name[]): void {
    const seen = new Set<string>();
    for (const name of names) {
      if (!hasPrefix(name)) continue;
      const resolved = `${name.local} ${this.#namespaceOf(name.prefix)}`;
      if (seen.has(resolved)) throw new StreamError('not-well-formed', 'Attribute given twice');
      seen.add(resolved);
    }
  }
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

/** Whether an attribute has a prefix that needs a declaration. */
function hasPrefix(name: Name): name is Name & { readonly prefix: string } {
  return name.prefix !== undefined && name.prefix !== 'xml' && name.prefix !== 'xmlns';
}

/** Refuses invalid declarations of prefixes (Namespaces in XML §3). */
function checkBinding(prefix: string, xmlns: string): void {
  const fine =
    prefix === 'xml'
      ? xmlns === NS.XML
      : prefix !== 'xmlns' && xmlns !== NS.XML && xmlns !== NS.XMLNS && (prefix === '' || xmlns !== '');
  if (!fine) throw new StreamError('bad-namespace-prefix', 'Namespace declaration not allowed');
}
