// Finds the position of each key in a TOML text, because the TOML library returns values without positions. It reads
// text that has parsed without error, and is lenient: at worst a position is missing.

export interface Position {
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
}

export type Path = readonly (string | number)[];

/** Maps the path of every key (and list item) of a valid TOML text to its position. */
export class KeyIndex {
  readonly #text: string;
  readonly #offsets = new Map<string, number>();
  /** Repeated keys, such as `a` in a second `a.b`. `start`: offset of the whole dotted key, in characters. */
  readonly #repetitions: { path: Path; start: number }[] = [];
  /** Items seen so far of each array of tables. */
  readonly #tables = new Map<string, number>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#document();
  }

  /** The position of a key, or of the nearest table around it that is written out. */
  positionOf(path: Path): Position | undefined {
    for (let length = path.length; length > 0; length--) {
      const offset = this.#offsets.get(JSON.stringify(path.slice(0, length)));
      if (offset !== undefined) return positionAt(this.#text, offset);
    }
    return undefined;
  }

  /** The longest repeated part of the key at a position, and its first position. Also works on invalid TOML. */
  repetitionAt({ line, column }: Position): { path: Path; first: Position } | undefined {
    const here = this.#repetitions.filter(({ start }) => {
      const position = positionAt(this.#text, start);
      return position.line === line && position.column === column;
    });
    const [longest] = here.sort((a, b) => b.path.length - a.path.length);
    if (longest === undefined) return undefined;
    const first = this.#offsets.get(JSON.stringify(longest.path));
    return first === undefined ? undefined : { path: longest.path, first: positionAt(this.#text, first) };
  }

  #document(): void {
    let table: Path = [];
    for (;;) {
      this.#skip(/(?:\s|#[^\n]*)*/y);
      if (this.#at >= this.#text.length) return;
      if (this.#text[this.#at] === '[') table = this.#header();
      else this.#forward(() => this.#pair(table));
    }
  }

  /** `[a.b]` opens a table, `[[a.b]]` the next item of an array of tables. */
  #header(): Path {
    const isArray = this.#text.startsWith('[[', this.#at);
    this.#at += isArray ? 2 : 1;
    const path = this.#keyPath([]);
    this.#skip(/[ \t]*\]{1,2}/y);
    if (!isArray) return path;
    const id = JSON.stringify(path);
    const index = this.#tables.get(id) ?? 0;
    this.#tables.set(id, index + 1);
    return [...path, index];
  }

  #pair(table: Path): void {
    const path = this.#keyPath(table);
    if (this.#skip(/[ \t]*=[ \t]*/y)) this.#value(path);
  }

  /** A dotted key; records the position of each of its parts that is new. */
  #keyPath(table: Path): Path {
    let path = table;
    this.#skip(/[ \t]*/y);
    const first = this.#at;
    do {
      this.#skip(/[ \t]*/y);
      const start = this.#at;
      const part = this.#key();
      if (part === undefined) return path;
      path = [...this.#intoLastItem(path), part];
      if (!this.#note(path, start)) this.#repetitions.push({ path, start: first });
    } while (this.#skip(/[ \t]*\./y));
    return path;
  }

  /** `[a.b]` after `[[a]]` belongs to the last item of `a`. */
  #intoLastItem(path: Path): Path {
    const items = this.#tables.get(JSON.stringify(path));
    return items === undefined ? path : [...path, items - 1];
  }

  #key(): string | undefined {
    const quote = this.#text[this.#at];
    if (quote !== '"' && quote !== "'") return this.#take(/[^\s.=\]#"']+/y);
    const raw = this.#take(quote === '"' ? /"(?:[^"\\\n]|\\.)*"/y : /'[^'\n]*'/y);
    if (raw === undefined) return undefined;
    return quote === '"' ? unescapeBasic(raw.slice(1, -1)) : raw.slice(1, -1);
  }

  #value(path: Path): void {
    const rest = this.#text;
    if (rest.startsWith('"""', this.#at)) this.#skip(/"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}/y);
    else if (rest.startsWith("'''", this.#at)) this.#skip(/'''(?:[^']|'{1,2}(?!'))*'{3,5}/y);
    else if (rest[this.#at] === '"') this.#skip(/"(?:[^"\\\n]|\\.)*"/y);
    else if (rest[this.#at] === "'") this.#skip(/'[^'\n]*'/y);
    else if (rest[this.#at] === '[') this.#array(path);
    else if (rest[this.#at] === '{') this.#inlineTable(path);
    else this.#skip(/[^,\]}#\n]*/y);
  }

  #array(path: Path): void {
    this.#at++;
    for (let index = 0; this.#more(']'); index++) {
      const item = [...path, index];
      this.#note(item, this.#at);
      this.#forward(() => this.#value(item));
    }
  }

  #inlineTable(path: Path): void {
    this.#at++;
    while (this.#more('}')) this.#forward(() => this.#pair(path));
  }

  /** Skips one character if `read` consumes nothing, so that invalid text cannot cause an endless loop. */
  #forward(read: () => void): void {
    const before = this.#at;
    read();
    if (this.#at === before) this.#at++;
  }

  /** Skips to the next item. If there is none, skips `closing` and returns false. */
  #more(closing: string): boolean {
    this.#skip(/(?:[\s,]|#[^\n]*)*/y);
    if (this.#at >= this.#text.length) return false;
    if (this.#text[this.#at] !== closing) return true;
    this.#at++;
    return false;
  }

  /** Records the position of a path; returns false if the path was recorded before. */
  #note(path: Path, offset: number): boolean {
    const id = JSON.stringify(path);
    const isNew = !this.#offsets.has(id);
    if (isNew) this.#offsets.set(id, offset);
    return isNew;
  }

  /** Skips the text that matches; returns true if it was not empty. */
  #skip(pattern: RegExp): boolean {
    return (this.#take(pattern) ?? '').length > 0;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match[0];
  }
}

function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['b', '\b'],
  ['t', '\t'],
  ['n', '\n'],
  ['f', '\f'],
  ['r', '\r'],
  ['e', '\u001b'],
]);

/** The escapes of a basic string. */
function unescapeBasic(text: string): string {
  return text.replaceAll(
    /\\(?:U([0-9a-f]{8})|u([0-9a-f]{4})|x([0-9a-f]{2})|(.))/gi,
    (_, long, short, byte, char) => {
      const code = long ?? short ?? byte;
      return code === undefined
        ? (ESCAPES.get(char) ?? char)
        : String.fromCodePoint(Number.parseInt(code, 16));
    },
  );
}
