// The results of the soak, and whether each one meets its condition.

interface Line {
  readonly what: string;
  readonly value: string;
  /** Undefined for a figure without a condition. */
  readonly isGood?: boolean;
}

export class Verdict {
  readonly #lines: Line[] = [];

  fact(what: string, value: string): void {
    this.#add({ what, value });
  }

  check(what: string, isGood: boolean, value: string): void {
    this.#add({ what, value, isGood });
  }

  get isGood(): boolean {
    return this.#lines.every((line) => line.isGood !== false);
  }

  print(): void {
    process.stdout.write(`\nsoak\n${this.#lines.map((line) => `  ${text(line)}\n`).join('')}`);
  }

  json(): string {
    return `${JSON.stringify(this.#lines, undefined, 2)}\n`;
  }

  #add(line: Line): void {
    this.#lines.push(line);
    process.stderr.write(`  ${text(line)}\n`);
  }
}

function text({ what, value, isGood }: Line): string {
  const mark = isGood === undefined ? '    ' : isGood ? 'ok  ' : 'BAD ';
  return `${mark} ${what}: ${value}`;
}
