// Flattened elements that are used as elements again, but not yet: a queue full of trees would take many times its text.

import { unflatten } from './copy.ts';
import { type Attrs, Element, type Node } from './element.ts';
import type { FlatElement } from './flat.ts';

/**
 * An element whose children are held as text. `children` parses it, at each access: code that needs attributes alone pays
 * nothing.
 */
export class LazyElement extends Element {
  declare readonly flat: FlatElement;

  static {
    // TypeScript does not let an accessor override a field. The setter is for the constructor of the base class.
    Object.defineProperty(LazyElement.prototype, 'children', {
      get(this: LazyElement): Node[] {
        return this.flat.content === '' ? [] : unflatten(this.flat).children;
      },
      set() {},
    });
  }

  constructor(flat: FlatElement) {
    super(flat.name);
    this.attrs = flat.attrs as Attrs; // Shared: attributes of a stanza are never edited.
    this.flat = flat;
  }

  override get flattened(): FlatElement {
    return this.flat;
  }

  override with(attrs: Attrs): Element {
    const { attrs: changed } = new Element(this.name, this.attrs).with(attrs);
    return new LazyElement({ ...this.flat, attrs: changed });
  }
}
