// Figures and their limits.

interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly most: number | undefined;
}

export class Table {
  readonly #figures: Figure[] = [];

  add(name: string, value: number, unit: string, { most }: { readonly most?: number }): void {
    this.#figures.push({ name, value, unit, most });
  }

  /** Whether every figure is within its limit. */
  get isMet(): boolean {
    return this.#figures.every(isMet);
  }

  print(): void {
    const rows = this.#figures.map((figure) => [
      figure.name,
      `${text(figure.value)} ${figure.unit}`.trim(),
      figure.most === undefined ? '' : `≤ ${text(figure.most)}`,
      figure.most === undefined ? '' : isMet(figure) ? 'met' : 'NOT MET',
    ]);
    const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
    for (const row of rows) {
      const line = row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ');
      process.stdout.write(`${line.trimEnd()}\n`);
    }
  }

  json(): string {
    const rows = this.#figures.map((figure) => ({ ...figure, met: isMet(figure) }));
    return `${JSON.stringify(rows, undefined, 2)}\n`;
  }
}

function isMet({ value, most }: Figure): boolean {
  return most === undefined || value <= most;
}

function text(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
}
