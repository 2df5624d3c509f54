import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { limitedLogger } from '../../../src/util/limited-logger.ts';
import { LAST_LINE, LogRate } from '../../../src/util/log-rate.ts';
import { createLogger, type LogLevel } from '../../../src/util/logger.ts';
import { FakeClock } from '../../support/clock.ts';

interface Line {
  level: LogLevel;
  msg: string;
  note?: string;
}

function recorder() {
  const lines: Line[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  return { lines, log: createLogger({ level: 'debug', pretty: false, destination }) };
}

test('a key has its lines each minute, the last of which says that more are only counted', async () => {
  const clock = new FakeClock();
  const rate = new LogRate({ lines: 3, maxKeys: 10, elapsed: () => clock.elapsed() });
  const minute = () => Array.from({ length: 5 }, () => rate.take('a'));
  assert.deepEqual(minute(), ['line', 'line', 'last', 'none', 'none']);
  assert.equal(rate.take('b'), 'line', 'one key does not hide the others');
  await clock.advance(60_000);
  assert.deepEqual(minute(), ['line', 'line', 'last', 'none', 'none']);
});

test('bounds the number of remembered keys', () => {
  const rate = new LogRate({ lines: 3, maxKeys: 10 });
  for (let i = 0; i < 1_000; i++) rate.take(`${i}`);
  assert.equal(rate.size, 10);
});

test('a limited logger limits info and warn together, its children included; never errors', () => {
  const { lines, log } = recorder();
  const limited = limitedLogger(log, new LogRate({ lines: 4, maxKeys: 10 }), 'peer');
  for (let i = 0; i < 10; i++) {
    limited.info('came', { i });
    limited.child({ c2s: 'x' }).warn('went');
    limited.error('failed');
  }
  const written = (level: LogLevel) => lines.filter((line) => line.level === level);
  assert.deepEqual([written('info').length, written('warn').length, written('error').length], [2, 2, 10]);
  assert.equal(written('warn').at(-1)?.note, LAST_LINE.note);
});

test('one message has at most 600 lines a minute, whoever causes it', () => {
  const { lines, log } = recorder();
  for (let i = 0; i < 10_000; i++) log.child({ i }).info('again');
  assert.equal(lines.length, 600);
  assert.equal(lines.at(-1)?.note, LAST_LINE.note);
  log.info('another');
  assert.equal(lines.at(-1)?.msg, 'another');
});
