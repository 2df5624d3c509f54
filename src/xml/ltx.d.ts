/** The part of ltx that `src/xml` uses; the package has no types. */
declare module 'ltx' {
  export class Element {
    constructor(name: string, attrs?: Record<string, string | number | undefined>);
    name: string;
    // biome-ignore lint/suspicious/noExplicitAny: narrowed by our subclass
    parent: any;
    // biome-ignore lint/suspicious/noExplicitAny: narrowed by our subclass
    children: any[];
    // biome-ignore lint/suspicious/noExplicitAny: narrowed by our subclass
    attrs: any;
    getName(): string;
  }
}
