// What is counted and measured, and its text in the OpenMetrics format (version 1.0).
//
// Counting is an addition, nothing more; whatever is made of the numbers is made when somebody reads them.

/** Only ever grows; starts at 0. */
export interface Counter {
  add(by?: number): void;
  readonly value: number;
}

/** How often a measured value was at most how large. */
export interface Histogram {
  observe(value: number): void;
}

/** One of these for each combination of values of the labels, made at its first use. To be kept where it is hot. */
export interface Labelled<T> {
  of(...values: readonly string[]): T;
}

/** The values of the labels, in order, and what is measured there. */
export type Reading = readonly [labels: readonly string[], value: number];

/**
 * Names are snake_case, begin with the module's and end with the unit where there is one (`_seconds`, `_bytes`); they
 * appear with `enjamb_` before them, counters with `_total` behind.
 */
export interface Metrics {
  counter(name: string, help: string): Counter;
  counter(name: string, help: string, labels: readonly string[]): Labelled<Counter>;
  /** What is so at the moment: `read` is called when somebody looks. */
  gauge(name: string, help: string, read: () => number): void;
  gauge(name: string, help: string, labels: readonly string[], read: () => Iterable<Reading>): void;
  /** `buckets`: upper bounds, rising. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: readonly string[],
  ): Labelled<Histogram>;
  /** What is counted elsewhere as a plain number. */
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

/** Values of labels may come from outside; what does not fit is counted together. */
const MAX_SERIES = 1_000;
const OTHER = 'other';
const UNITS = ['seconds', 'bytes', 'ratio'];

/** Everything that is measured in one server. One name may have several sources, such as a module on several hosts. */
export class MetricRegistry {
  readonly #families = new Map<string, Family>();

  /** Metrics with labels in common; `owe` is given what takes each of them out again. */
  scope(common: Readonly<Record<string, string>> = {}, owe: (undo: () => void) => void = () => {}): Metrics {
    return new Scope(common, (name, type, help, labels, read) => {
      owe(this.#add(name, { type, help, labels: labels.join(), sources: new Set([read]) }, read));
    });
  }

  /** Everything at this moment, by name. */
  samples(): Sample[] {
    return this.#sorted().flatMap(([, { sources }]) => [...sources].flatMap((read) => [...read()]));
  }

  /** The text exposition, which ends with `# EOF`. */
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
      throw new Error(`The metric ${name} is a ${known.type} by (${known.labels}) elsewhere`);
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
  /** One more than bounds: the last is what is larger than all of them. */
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
