// Batches as they pass between threads: one flat array of primitives, which costs less to copy than objects do.
//
//   number of stores, (host, kind, name, isShared, isSearchable) of each, then the operations:
//   [number of `do`, number of the store or -1, fields in the order of SHAPES]
//
// A list is its length and its elements; what is absent is `null`.

import type { Operation, Primitive, SingleOperation, StoreKind, StoreName } from './sqlite-operations.ts';

type Kind = Operation['do'];
type FieldsOf<K extends Kind> = Exclude<keyof Extract<Operation, { do: K }>, 'do' | 'in' | 'operations'>;

const SHAPES: { readonly [K in Kind]: readonly FieldsOf<K>[] } = {
  set: ['owner', 'value'],
  unset: ['owner'],
  put: ['owner', 'key', 'value'],
  remove: ['owner', 'key'],
  append: ['owner', 'position', 'peer', 'flags', 'xml', 'unlessSent', 'since'],
  enter: ['owner', 'name', 'position', 'at', 'peer', 'flags', 'xml'],
  drop: ['owner', 'rows'],
  mark: ['owner', 'rows', 'add', 'clear'],
  replace: ['owner', 'rows', 'flags', 'xml'],
  retract: ['owner', 'peer', 'isSent', 'messageId', 'occupant', 'byId', 'byAt'],
  prune: ['owner', 'below', 'peer', 'limit'],
  keep: ['owner', 'ms'],
  delivered: ['owner', 'until'],
  forget: ['owner'],
  recover: ['since'],
  purge: ['host', 'owner'],
  stop: ['position', 'hasLeftovers'],
  index: [],
  'rewrite-index': ['from', 'isForced'],
  expire: ['now', 'before', 'maxBytes', 'from', 'isShrinking'],
  sweep: [],
  'sweep-peers': ['from'],
  vacuum: [],
  checkpoint: [],
  all: [],
};

const KINDS = Object.keys(SHAPES) as Kind[];
const NUMBERS = new Map(KINDS.map((kind, number) => [kind, number]));
const FIELDS: readonly (readonly string[])[] = KINDS.map((kind) => SHAPES[kind]);
const LISTS: ReadonlySet<string> = new Set<FieldsOf<'append'> | FieldsOf<'drop'>>(['rows', 'unlessSent']);
const ALL = NUMBERS.get('all')!;
const NO_STORE = -1;

export function encode(operations: readonly Operation[]): Primitive[] {
  const stores = new Map<StoreName, number>();
  const body: Primitive[] = [];
  for (const operation of operations) encodeOne(body, stores, operation);
  const head: Primitive[] = [stores.size];
  for (const { host, kind, name, isShared, isSearchable } of stores.keys())
    head.push(host, kind, name, isShared, isSearchable ?? null);
  return head.concat(body);
}

function encodeOne(to: Primitive[], stores: Map<StoreName, number>, operation: Operation): void {
  const kind = NUMBERS.get(operation.do)!;
  to.push(kind, 'in' in operation ? numberOf(stores, operation.in) : NO_STORE);
  if (operation.do === 'all') {
    to.push(operation.operations.length);
    for (const single of operation.operations) encodeOne(to, stores, single);
    return;
  }
  const values = operation as unknown as Record<string, Primitive | readonly Primitive[] | undefined>;
  for (const field of FIELDS[kind]!) {
    const value = values[field] ?? null;
    if (typeof value === 'object' && value !== null) to.push(value.length, ...value);
    else to.push(value);
  }
}

function numberOf(stores: Map<StoreName, number>, store: StoreName): number {
  const known = stores.get(store);
  if (known !== undefined) return known;
  stores.set(store, stores.size);
  return stores.size - 1;
}

export function decode(batch: readonly Primitive[]): Operation[] {
  const decoder = new Decoder(batch);
  return decoder.operations();
}

class Decoder {
  readonly #values: readonly Primitive[];
  readonly #stores: StoreName[] = [];
  #at = 0;

  constructor(values: readonly Primitive[]) {
    this.#values = values;
  }

  operations(): Operation[] {
    for (let left = this.#next() as number; left > 0; left--) this.#stores.push(this.#store());
    const operations: Operation[] = [];
    while (this.#at < this.#values.length) operations.push(this.#operation());
    return operations;
  }

  #next(): Primitive {
    return this.#values[this.#at++]!;
  }

  #store(): StoreName {
    const [host, kind, name, isShared, searchable] = this.#take(5);
    const isSearchable = searchable ?? undefined;
    return { host, kind: kind as StoreKind, name, isShared, isSearchable } as StoreName;
  }

  #operation(): Operation {
    const kind = this.#next() as number;
    const store = this.#next() as number;
    if (kind === ALL) {
      const length = this.#next() as number;
      return { do: 'all', operations: Array.from({ length }, () => this.#operation() as SingleOperation) };
    }
    const operation: Record<string, unknown> =
      store === NO_STORE ? { do: KINDS[kind]! } : { do: KINDS[kind]!, in: this.#stores[store] };
    for (const field of FIELDS[kind]!) operation[field] = this.#field(field);
    return operation as unknown as Operation;
  }

  #field(name: string): unknown {
    const value = this.#next() ?? undefined;
    return value !== undefined && LISTS.has(name) ? this.#take(value as number) : value;
  }

  #take(count: number): Primitive[] {
    this.#at += count;
    return this.#values.slice(this.#at - count, this.#at);
  }
}
