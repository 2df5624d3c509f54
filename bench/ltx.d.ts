/** The parts of ltx that only the benchmark uses; the package has no types. */
declare module 'ltx' {
  export class Parser {
    constructor(options?: { Element?: typeof Element });
    tree: Element | undefined;
    write(data: Buffer | string): void;
  }
}
