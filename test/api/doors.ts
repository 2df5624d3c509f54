// What the doors of the server promise: each exported name with its declaration, as the compiler writes it.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** The door by the file of its snapshot. */
export const DOORS: Readonly<Record<string, string>> = {
  'api.txt': 'src/api/index.ts',
  'stream.txt': 'src/api/stream.ts',
  'xep.txt': 'src/xep/index.ts',
};

interface Declaration {
  readonly name: string;
  readonly isExported: boolean;
  readonly text: string;
}

/** Describes all doors: by the file of the snapshot, its text. */
export function describeDoors(): ReadonlyMap<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'enjamb-doors-'));
  try {
    writeDeclarations(folder);
    const read = (path: string) => readFileSync(join(folder, path.replace(/\.ts$/, '.d.ts')), 'utf8');
    return new Map(Object.entries(DOORS).map(([file, path]) => [file, new Door(read).describe(path)]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function writeDeclarations(folder: string): void {
  const settings = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      removeComments: true,
      rootDir: ROOT,
      outDir: folder,
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    files: [...Object.values(DOORS), 'src/xml/ltx.d.ts'].map((path) => join(ROOT, path)),
    include: [],
  };
  const path = join(folder, 'tsconfig.json');
  writeFileSync(path, JSON.stringify(settings));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stdout);
}

/** Collects what one door exports, and the private types that the exports name. */
class Door {
  readonly #read: (path: string) => string;
  readonly #exported = new Map<string, string>();
  readonly #private = new Map<string, string>();

  constructor(read: (path: string) => string) {
    this.#read = read;
  }

  describe(path: string): string {
    const text = this.#read(path);
    for (const { name, isExported } of declarationsIn(text)) if (isExported) this.#take(path, name);
    for (const [name, file] of reexportsIn(text, path)) this.#take(file, name);
    const added = [...text.matchAll(/^declare module '[^']+' \{\n[\s\S]*?^\}/gm)].map(([block]) => block);
    const hidden = [...this.#private].filter(([name]) => !this.#exported.has(name));
    const parts = [...inOrder([...this.#exported]), ...added];
    if (hidden.length > 0) parts.push('// Not exported, named above:', ...inOrder(hidden));
    return parts.join('\n\n');
  }

  /** Takes all declarations of a name (a function may have several), wherever the file itself has it from. */
  #take(path: string, name: string, into = this.#exported): void {
    if (into.has(name)) return;
    const text = this.#read(path);
    const all = declarationsIn(text);
    const own = all.filter((one) => one.name === name);
    if (own.length === 0) {
      const from = reexportsIn(text, path).find(([other]) => other === name)?.[1];
      if (from === undefined) throw new Error(`${name} is not declared in ${path}`);
      return this.#take(from, name, into);
    }
    const declared = own.map((one) => one.text).join('\n');
    into.set(name, declared);
    const words = new Set(declared.match(/\w+/g));
    for (const one of all)
      if (!one.isExported && words.has(one.name)) this.#take(path, one.name, this.#private);
  }
}

/** A declaration begins at the beginning of a line, and ends before the next one. */
function declarationsIn(text: string): Declaration[] {
  return text.split(/^(?=[a-z])/m).flatMap((statement) => {
    const match =
      /^(export )?(?:declare )?((?:abstract )?(?:interface|type|class|function|const) (\w+)[\s\S]*)$/.exec(
        statement,
      );
    if (!match) return [];
    const [, exported, declaration = '', name = ''] = match;
    const visible = declaration.trimEnd().replaceAll(/^ +(?:#private|private .*);\n/gm, '');
    return [{ name, isExported: exported !== undefined, text: visible }];
  });
}

/** The names that a file exports from others, each with the path of that file. */
function reexportsIn(text: string, path: string): [name: string, path: string][] {
  return [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';/gm)].flatMap(
    ([, names = '', from = '']) =>
      names
        .split(',')
        .map((name) => name.trim().replace(/^type /, ''))
        .filter((name) => name !== '')
        .map((name): [string, string] => [name, join(dirname(path), from)]),
  );
}

function inOrder(declarations: readonly (readonly [name: string, text: string])[]): string[] {
  return declarations.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
}
