import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { Connection } from '../../../src/net/connection.ts';
import { SlowReader } from '../../../src/session/slow-reader.ts';
import { XmlStream } from '../../../src/stream/stream.ts';
import { Faults } from '../../../src/util/faults.ts';
import { silentLogger } from '../../../src/util/logger.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { FakeClock } from '../../support/clock.ts';
import { settled } from '../../support/duplex.ts';

const LIMIT_MS = 60_000;
const MARK_BYTES = 100_000;

interface Peer {
  readonly clock: FakeClock;
  readonly stream: XmlStream;
  readonly slowReader: SlowReader;
  /** Lets the system take what was written. */
  take(): void;
}

/** A stream whose socket has room for `socketBytes`; the system takes all of it immediately, or when `take` is called. */
function peer(socketBytes: number, isImmediate: boolean): Peer {
  const clock = new FakeClock();
  const waiting: (() => void)[] = [];
  const socket = new Duplex({
    writableHighWaterMark: socketBytes,
    read() {},
    write(_chunk, _encoding, done) {
      if (isImmediate) done();
      else waiting.push(done);
    },
  });
  const handler = { onHeader() {}, onElement() {}, onClose() {}, onDrain: () => slowReader.drained() };
  const faults = new Faults(silentLogger);
  const connection = new Connection(socket, { clock });
  const stream = new XmlStream(connection, {
    role: 'receiver',
    namespace: NS.CLIENT,
    timeouts: { headerMs: 10 * LIMIT_MS },
    ...{ handler, clock, faults },
  });
  stream.negotiated();
  const limits = { markBytes: MARK_BYTES, limitMs: LIMIT_MS, isPausing: true };
  const slowReader: SlowReader = new SlowReader(stream, clock, limits);
  const take = () => {
    for (const done of waiting.splice(0)) done();
  };
  return { clock, stream, slowReader, take };
}

function writes({ stream, slowReader }: Peer, bytes: number): void {
  stream.send('x'.repeat(bytes));
  slowReader.written();
}

test('reads on from a peer whose system takes everything in one write', async () => {
  const fast = peer(1_000_000, true);
  writes(fast, 300_000);
  assert.equal(fast.stream.isPaused, true, 'until the end of the turn');
  await settled();
  assert.equal(fast.stream.isPaused, false);
  assert.equal(fast.stream.isOpen, true);
});

test('a peer is read on when at most half of the mark is left', async () => {
  const slow = peer(16_384, false);
  writes(slow, 300_000);
  await settled();
  assert.equal(slow.stream.isPaused, true);
  slow.take();
  await settled();
  assert.equal(slow.stream.isPaused, false);
});

test('closes a peer that has not read for the time limit', async () => {
  const slow = peer(16_384, false);
  writes(slow, MARK_BYTES + 1);
  await slow.clock.advance(LIMIT_MS - 1);
  assert.equal(slow.stream.isOpen, true);
  await slow.clock.advance(1);
  assert.equal(slow.stream.isOpen, false);
});

test('does nothing while the queue stays below the mark', async () => {
  const slow = peer(16_384, false);
  writes(slow, MARK_BYTES);
  await settled();
  assert.equal(slow.stream.isPaused, false);
});
