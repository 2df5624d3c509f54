// Metrics, and their text in the OpenMetrics format (version 1.0).
//
// Counting is one addition; everything else is computed when the metrics are read.

/** A number that only grows, from 0. */
export interface Counter {
  add(by?: number): void;
  readonly value: number;
}

/** A distribution of measured values: the number of values up to each bound. */
export interface Histogram {
  observe(value: number): void;
}

/** One metric for each combination of label values, made at its first use. On a hot path, keep the result of `of`. */
export interface Labelled<T> {
  of(...values: readonly string[]): T;
}

/** The values of the labels, in order, and the measured value. */
export type Reading = readonly [labels: readonly string[], value: number];

/**
 * Names are snake_case, begin with the name of the module and end with the unit, if any (`_seconds`, `_bytes`). The
 * output adds the prefix `enjamb_`, and the suffix `_total` for counters.
 */
export interface Metrics {
  counter(name: string, help: string): Counter;
  counter(name: string, help: string, labels: readonly string[]): Labelled<Counter>;
  /** A present value; `read` is called each time the metrics are read. */
  gauge(name: string, help: string, read: () => number): void;
  gauge(name: string, help: string, labels: readonly string[], read: () => Iterable<Reading>): void;
  /** `buckets`: upper bounds, in ascending order. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: readonly string[],
  ): Labelled<Histogram>;
  /** A counter whose value is kept elsewhere as a plain number. */
  counted(name: string, help: string, labels: readonly string[], read: () => Iterable<Reading>): void;
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

type Type = 'counter' | 'gauge' | 'histogram';
type Read = () => Iterable<Sample>;

interface Family {
  readonly type: Type;
  readonly help: string;
  readonly labels: string;
  readonly sources: Set<Read>;
}

/** The most combinations of label values, since peers may supply them; all further ones are counted together. */
const MAX_SERIES = 1_000;
const OTHER = 'other';
const UNITS = ['seconds', 'bytes', 'ratio'];

/** All metrics of one server. One name may have several sources, such as a module on several hosts. */
export class MetricRegistry {
  readonly #families = new Map<string, Family>();

  /** Metrics with common labels; `owe` receives the functions that remove them. */
  scope(common: Readonly<Record<string, string>> = {}, owe: (undo: () => void) => void = () => {}): Metrics {
    return new Scope(common, (name, type, help, labels, read) => {
      owe(this.#add(name, { type, help, labels: labels.join(), sources: new Set([read]) }, read));
    });
  }

  /** All present values, by name. */
  samples(): Sample[] {
    return this.#sorted().flatMap(([, { sources }]) => [...sources].flatMap((read) => [...read()]));
  }

  /** All metrics in the text format, which ends with `# EOF`. */
  text(): string {
    const lines = this.#sorted().flatMap(([name, family]) => [
      ...headOf(name, family),
      ...[...family.sources].flatMap((read) => Array.from(read(), lineOf)),
    ]);
    return [...lines, '# EOF', ''].join('\n');
  }

  #add(name: string, family: Family, read: Read): () => void {
    const full = fullName(name);
    const known = this.#families.get(full);
    if (known === undefined) this.#families.set(full, family);
    else if (known.type !== family.type || known.labels !== family.labels)
      throw new Error(
        `The metric ${name} is already defined as a ${known.type} with the labels (${known.labels})`,
      );
    else known.sources.add(read);
    return () => {
      const sources = this.#families.get(full)?.sources;
      if (sources?.delete(read) && sources.size === 0) this.#families.delete(full);
    };
  }

  #sorted(): [string, Family][] {
    return [...this.#families].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

type Register = (name: string, type: Type, help: string, labels: readonly string[], read: Read) => void;

class Scope implements Metrics {
  readonly #common: Readonly<Record<string, string>>;
  readonly #register: Register;

  constructor(common: Readonly<Record<string, string>>, register: Register) {
    this.#common = common;
    this.#register = register;
  }

  counter(name: string, help: string): Counter;
  counter(name: string, help: string, labels: readonly string[]): Labelled<Counter>;
  counter(name: string, help: string, labels: readonly string[] = []): Counter | Labelled<Counter> {
    const series = new Series(labels, () => new Count());
    this.counted(name, help, labels, () => series.read(({ value }) => value));
    return labels.length === 0 ? series.of() : series;
  }

  counted(name: string, help: string, labels: readonly string[], read: () => Iterable<Reading>): void {
    this.#values(name, 'counter', help, labels, read, `${fullName(name)}_total`);
  }

  gauge(name: string, help: string, read: () => number): void;
  gauge(name: string, help: string, labels: readonly string[], read: () => Iterable<Reading>): void;
  gauge(
    name: string,
    help: string,
    labels: readonly string[] | (() => number),
    read?: () => Iterable<Reading>,
  ): void {
    if (typeof labels === 'function')
      this.#values(name, 'gauge', help, [], () => [[[], labels()]], fullName(name));
    else this.#values(name, 'gauge', help, labels, read!, fullName(name));
  }

  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: readonly string[],
  ): Labelled<Histogram>;
  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: readonly string[] = [],
  ): Histogram | Labelled<Histogram> {
    const series = new Series(labels, () => new Distribution(buckets));
    const full = fullName(name);
    this.#register(name, 'histogram', help, labels, () =>
      series.all().flatMap(([values, histogram]) => histogram.samples(full, this.#label(labels, values))),
    );
    return labels.length === 0 ? series.of() : series;
  }

  #values(
    name: string,
    type: Type,
    help: string,
    labels: readonly string[],
    read: () => Iterable<Reading>,
    sample: string,
  ): void {
    this.#register(name, type, help, labels, () =>
      Array.from(read(), ([values, value]) => ({ name: sample, labels: this.#label(labels, values), value })),
    );
  }

  #label(labels: readonly string[], values: readonly string[]): Record<string, string> {
    return {
      ...this.#common,
      ...Object.fromEntries(labels.map((label, index) => [label, values[index] ?? ''])),
    };
  }
}

class Series<T> implements Labelled<T> {
  readonly #labels: readonly string[];
  readonly #make: () => T;
  readonly #series = new Map<string, readonly [values: readonly string[], series: T]>();

  constructor(labels: readonly string[], make: () => T) {
    this.#labels = labels;
    this.#make = make;
  }

  of(...values: readonly string[]): T {
    const known = this.#series.get(values.join('\0'));
    if (known) return known[1];
    const isFull = this.#series.size >= MAX_SERIES;
    return isFull ? this.#ofOthers() : this.#add(values);
  }

  #ofOthers(): T {
    const others = this.#labels.map(() => OTHER);
    return this.#series.get(others.join('\0'))?.[1] ?? this.#add(others);
  }

  #add(values: readonly string[]): T {
    const series = this.#make();
    this.#series.set(values.join('\0'), [values, series]);
    return series;
  }

  all(): (readonly [values: readonly string[], series: T])[] {
    return [...this.#series.values()];
  }

  read(value: (series: T) => number): Reading[] {
    return this.all().map(([values, series]) => [values, value(series)]);
  }
}

class Count implements Counter {
  value = 0;

  add(by = 1): void {
    this.value += by;
  }
}

class Distribution implements Histogram {
  readonly #bounds: readonly number[];
  /** One count for each bound, and a last one for values larger than all of them. */
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let index = 0;
    while (index < this.#bounds.length && value > this.#bounds[index]!) index++;
    this.#counts[index]!++;
    this.#sum += value;
  }

  /** Buckets are cumulative. */
  samples(name: string, labels: Readonly<Record<string, string>>): Sample[] {
    let count = 0;
    const buckets = this.#counts.map((more, index) => {
      count += more;
      const le = this.#bounds[index];
      return { name: `${name}_bucket`, labels: { ...labels, le: numeral(le ?? Infinity) }, value: count };
    });
    return [
      ...buckets,
      { name: `${name}_count`, labels, value: count },
      { name: `${name}_sum`, labels, value: this.#sum },
    ];
  }
}

function fullName(name: string): string {
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Error(`"${name}" is no name for a metric`);
  return `enjamb_${name}`;
}

function headOf(name: string, { type, help }: Family): string[] {
  const unit = UNITS.find((word) => name.endsWith(`_${word}`));
  return [
    `# TYPE ${name} ${type}`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    `# HELP ${name} ${escaped(help)}`,
  ];
}

function lineOf({ name, labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join()}}`} ${numeral(value)}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function numeral(value: number): string {
  return value === Infinity ? '+Inf' : String(value);
}
