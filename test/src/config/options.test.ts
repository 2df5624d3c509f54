import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  account,
  boolean,
  domain,
  domainPattern,
  duration,
  integer,
  jid,
  list,
  number,
  type Option,
  OptionError,
  oneOf,
  parseOptions,
  rate,
  record,
  size,
  string,
} from '../../../src/config/options.ts';

const MIB = 1024 * 1024;

test('durations: seconds or text in the file, milliseconds in the code', () => {
  const option = duration('A wait', { min: 0, never: true });
  const cases: readonly (readonly [unknown, number])[] = [
    [0, 0],
    [90, 90_000],
    [0.5, 500],
    ['90', 90_000],
    ['60 seconds', 60_000],
    ['10 minutes', 600_000],
    ['1 hour 30 minutes', 5_400_000],
    ['1h30m', 5_400_000],
    ['250 ms', 250],
    ['7d', 604_800_000],
    ['2 Weeks', 1_209_600_000],
    ['never', Number.POSITIVE_INFINITY],
  ];
  for (const [raw, ms] of cases) assert.equal(option.parse(raw), ms, String(raw));
});

test('durations: refuses anything else', () => {
  const option = duration('A wait');
  for (const raw of [
    '',
    'soon',
    '10 minuts',
    '5 5',
    '1 hour and 2 minutes',
    '-1 s',
    -1,
    Number.NaN,
    true,
    [60],
    'never',
  ]) {
    assert.throws(() => option.parse(raw), OptionError, String(raw));
  }
});

test('sizes and rates: numbers or text with decimal or binary units', () => {
  assert.equal(size('x').parse('256 KiB'), 256 * 1024);
  assert.equal(size('x').parse('1.5 MiB'), 1.5 * MIB);
  assert.equal(size('x').parse('10MB'), 10_000_000);
  assert.equal(size('x').parse(4096), 4096);
  assert.equal(rate('x').parse('1 MiB/s'), MIB);
  assert.equal(rate('x').parse('1 MiB per second'), MIB);
  assert.equal(rate('x').parse(0), false);
  assert.equal(rate('x').parse(false), false);
  assert.equal(rate('x').parse('0'), false);
  for (const raw of ['256 K', '12 bananas', -5, 1.5, true])
    assert.throws(() => size('x').parse(raw), OptionError);
  assert.throws(() => rate('x').parse('1 MiB/h'), OptionError);
});

test('defaults are in the notation of the file, and are checked where they are declared', () => {
  assert.equal(duration('x', { default: '1 minute' }).parse(undefined), 60_000);
  assert.equal(duration('x', { default: '1 minute' }).fileDefault, '1 minute');
  assert.throws(() => duration('x', { default: 'soon' }), OptionError);
  assert.throws(() => integer('x', { default: 0, min: 1 }), OptionError);
  // @ts-expect-error: a default outside its choices
  assert.throws(() => oneOf('x', ['roster', 'always'], { default: 'never' }), OptionError);
});

test('reports a required option that is missing', () => {
  assert.throws(() => string('x').parse(undefined), /expected text in quotes, got nothing/);
  assert.equal(string('x', { optional: true }).parse(undefined), undefined);
  assert.equal(string('x').required, true);
  assert.equal(string('x', { default: '' }).required, false);
});

test('the static type follows from the declaration', () => {
  const options = {
    loud: boolean('x', { default: true }),
    mode: oneOf('x', ['a', 'b'], { default: 'a' }),
    names: list('x', string('y'), { default: [] }),
    who: jid('x', { optional: true }),
    inner: record('x', { depth: integer('y', { default: 3 }) }),
  };
  const values = parseOptions(options, { mode: 'b' });
  const loud: boolean = values.loud;
  const mode: 'a' | 'b' = values.mode;
  const names: readonly string[] = values.names;
  const who: string | undefined = values.who;
  const depth: number = values.inner.depth;
  assert.deepEqual([loud, mode, names, who, depth], [true, 'b', [], undefined, 3]);
  // @ts-expect-error: an option that nobody declared
  assert.equal(values.quiet, undefined);
});

test('reports all mistakes in a set together, with their paths', () => {
  const options = {
    ports: list('x', integer('y', { min: 0, max: 65_535 })),
    limits: record('x', { c2s: record('y', { rate: rate('z', { default: 1 }) }) }),
    factor: number('x', { min: 0, max: 1 }),
  };
  const raw = { ports: [1, 'two', 70_000], limits: { c2s: { rat: 1, rate: 'x' } }, factor: 2, extra: 1 };
  const issues = issuesOf(() => parseOptions(options, raw));
  assert.deepEqual(
    issues.map((issue) => issue.path.join('.')),
    ['extra', 'ports.1', 'ports.2', 'limits.c2s.rat', 'limits.c2s.rate', 'factor'],
  );
  assert.equal(issues.at(-1)?.expected, 'a number from 0 to 1');
});

test('a record with whenFalse can be switched off as a whole', () => {
  const limit = record('x', { rate: rate('y', { default: '1 MiB/s' }) }, { whenFalse: { rate: false } });
  assert.deepEqual(limit.parse(false), { rate: false });
  assert.deepEqual(limit.parse(undefined), { rate: MIB });
  assert.throws(() => record('x', {}).parse(false), OptionError);
});

test('a record of options without defaults must be given', () => {
  const option: Option<{ readonly name: string }> = record('x', { name: string('y') });
  assert.equal(option.required, true);
  assert.throws(() => option.parse(undefined), OptionError);
});

test('addresses: bare unless said otherwise, case of localpart and domain folded', () => {
  assert.equal(jid('x').parse('Romeo@Example.ORG'), 'romeo@example.org');
  assert.equal(jid('x').parse('example.org'), 'example.org');
  assert.equal(jid('x', { bare: false }).parse('Romeo@example.org/Phone'), 'romeo@example.org/Phone');
  for (const raw of ['', '@example.org', 'romeo@', 'a b@example.org', 'romeo@example.org/phone', 5]) {
    assert.throws(() => jid('x').parse(raw), OptionError, String(raw));
  }
});

test('no message contains the value of a secret', () => {
  const option = string('x', { secret: true, pattern: /^\w{20,}$/ });
  assert.throws(
    () => option.parse('hunter2'),
    (error: Error) => !error.message.includes('hunter2'),
  );
  assert.throws(
    () => list('x', option).parse('hunter2'),
    (error: Error) => !error.message.includes('hunter2'),
  );
});

function issuesOf(task: () => unknown): OptionError['issues'] {
  try {
    task();
  } catch (error) {
    if (error instanceof OptionError) return error.issues;
    throw error;
  }
  return [];
}

test('each builder states the kind of its values', () => {
  const kinds = {
    boolean: boolean('x').kind,
    integer: integer('x').kind,
    number: number('x').kind,
    text: string('x').kind,
    choice: oneOf('x', ['a', 'b']).kind,
    duration: duration('x').kind,
    size: size('x').kind,
    rate: rate('x').kind,
    address: jid('x').kind,
    domain: domain('x').kind,
    list: list('x', string('y')).kind,
    record: record('x', { y: string('y') }).kind,
  };
  for (const [expected, kind] of Object.entries(kinds)) assert.equal(kind, expected);
  assert.equal(account('x').kind, 'address');
  assert.equal(domainPattern('x').kind, 'domain');
});
