import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricRegistry } from '../../../src/util/metrics.ts';

test('OpenMetrics 1.0: a counter has its total, a gauge its value at the moment of reading', () => {
  const registry = new MetricRegistry();
  const metrics = registry.scope({ host: 'montague.lit' });
  const asked = metrics.counter('asked', 'Questions asked');
  let waiting = 0;
  metrics.gauge('waiting', 'Answers waited for', () => waiting);
  asked.add();
  asked.add(2);
  waiting = 7;
  assert.equal(
    registry.text(),
    [
      '# TYPE enjamb_asked counter',
      '# HELP enjamb_asked Questions asked',
      'enjamb_asked_total{host="montague.lit"} 3',
      '# TYPE enjamb_waiting gauge',
      '# HELP enjamb_waiting Answers waited for',
      'enjamb_waiting{host="montague.lit"} 7',
      '# EOF',
      '',
    ].join('\n'),
  );
});

test('OpenMetrics 1.0: buckets of a histogram count what is at most their bound, all smaller ones included', () => {
  const registry = new MetricRegistry();
  const answer = registry.scope().histogram('answer_seconds', 'Until the answer', [0.1, 1]);
  for (const seconds of [0.1, 0.5, 2]) answer.observe(seconds);
  assert.equal(
    registry.text(),
    [
      '# TYPE enjamb_answer_seconds histogram',
      '# UNIT enjamb_answer_seconds seconds',
      '# HELP enjamb_answer_seconds Until the answer',
      'enjamb_answer_seconds_bucket{le="0.1"} 1',
      'enjamb_answer_seconds_bucket{le="1"} 2',
      'enjamb_answer_seconds_bucket{le="+Inf"} 3',
      'enjamb_answer_seconds_count 3',
      'enjamb_answer_seconds_sum 2.6',
      '# EOF',
      '',
    ].join('\n'),
  );
});

test('OpenMetrics 1.0: quotes, backslashes and line breaks in values of labels are escaped', () => {
  const registry = new MetricRegistry();
  registry.scope().counter('notices', 'Notices', ['cause']).of('a "b"\\c\nd').add();
  assert.match(registry.text(), /cause="a \\"b\\"\\\\c\\nd"/);
});

test('one name on two hosts is one family, which ends with its last source', () => {
  const registry = new MetricRegistry();
  const undo: (() => void)[] = [];
  for (const host of ['a.example', 'b.example'])
    registry
      .scope({ host }, (task) => undo.push(task))
      .counter('notices', 'Notices', ['cause'])
      .of('lost')
      .add();
  assert.equal(registry.text().match(/# TYPE/g)?.length, 1);
  assert.deepEqual(
    registry.samples().map(({ labels }) => labels),
    [
      { host: 'a.example', cause: 'lost' },
      { host: 'b.example', cause: 'lost' },
    ],
  );
  for (const task of undo) task();
  assert.equal(registry.text(), '# EOF\n');
});

test('one name is of one type and has one list of labels', () => {
  const metrics = new MetricRegistry().scope();
  metrics.counter('notices', 'Notices', ['cause']);
  assert.throws(
    () => metrics.gauge('notices', 'Notices', () => 0),
    /is already defined as a counter with the labels \(cause\)/,
  );
  assert.throws(
    () => metrics.counter('notices', 'Notices', ['room']),
    /is already defined as a counter with the labels \(cause\)/,
  );
});

test('values from outside make a thousand series at most, the rest is counted as one', () => {
  const registry = new MetricRegistry();
  const counter = registry.scope().counter('peers', 'Peers', ['domain']);
  for (let i = 0; i < 2_000; i++) counter.of(`peer-${i}.example`).add();
  const samples = registry.samples();
  assert.equal(samples.length, 1_001);
  assert.equal(samples.find(({ labels }) => labels.domain === 'other')?.value, 1_000);
});
