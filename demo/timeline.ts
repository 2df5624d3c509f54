// Prints lines with the time since the start.

const COLOURS = { server: 33, client: 36, room: 35, comment: 90, good: 32, bad: 31 } as const;
export type Style = keyof typeof COLOURS;

export class Timeline {
  readonly #startedAt = performance.now();
  readonly #isColoured = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;

  title(text: string): void {
    process.stdout.write(`\n  ${this.#paint(text, '1')}\n\n`);
  }

  /** Prints one line: time, subject, text. */
  line(style: Style, subject: string, text: string): void {
    const time = `${((performance.now() - this.#startedAt) / 1000).toFixed(1).padStart(6)} s`;
    process.stdout.write(
      `${this.#paint(time, '90')}  ${this.#paint(subject.padEnd(14), `${COLOURS[style]}`)} ${text}\n`,
    );
  }

  /** Prints XML from the wire. */
  xml(text: string): void {
    for (const line of text.trim().split('\n'))
      process.stdout.write(`${' '.repeat(25)}${this.#paint(line.trim(), '90')}\n`);
  }

  /** Prints columns of equal width; the first one as wide as its longest text. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const width = Math.max(...rows.map(([title = '']) => title.length));
    for (const [title = '', ...cells] of [head, ...rows]) {
      const text = [title.padEnd(width), ...cells.map((cell) => cell.padEnd(10))].join('  ');
      process.stdout.write(`  ${text.trimEnd()}\n`);
    }
    process.stdout.write('\n');
  }

  #paint(text: string, code: string): string {
    return this.#isColoured ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}
