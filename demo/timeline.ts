// A story told line by line, with the time since it began.

const COLOURS = { server: 33, client: 36, room: 35, quiet: 90, good: 32, bad: 31 } as const;
export type Voice = keyof typeof COLOURS;

export class Timeline {
  readonly #began = performance.now();
  readonly #isColoured = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;

  /** Seconds since the story began. */
  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  title(text: string): void {
    process.stdout.write(`\n  ${this.#paint(text, '1')}\n\n`);
  }

  /** One line: who speaks, and what. */
  say(voice: Voice, who: string, text: string): void {
    const time = `${this.seconds.toFixed(1).padStart(6)} s`;
    process.stdout.write(
      `${this.#paint(time, '90')}  ${this.#paint(who.padEnd(14), `${COLOURS[voice]}`)} ${text}\n`,
    );
  }

  /** What goes over the wire, for whoever wants to see it. */
  wire(xml: string): void {
    for (const line of xml.trim().split('\n'))
      process.stdout.write(`${' '.repeat(25)}${this.#paint(line.trim(), '90')}\n`);
  }

  gap(): void {
    process.stdout.write('\n');
  }

  #paint(text: string, code: string): string {
    return this.#isColoured ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}
