// Flow control: concurrency, rates, back-offs and bounded memory. No code here reads the wall clock.

export { Backoff, type BackoffOptions } from './backoff.ts';
export { BoundedMap } from './bounded-map.ts';
export { CHUNK_SIZE, inChunks, nextChunk } from './chunks.ts';
export { CongestionWindow, type CongestionWindowOptions } from './congestion-window.ts';
export { Gate, GateFullError, type GateOptions } from './gate.ts';
export { PacedQueue, type PacedQueueOptions } from './paced-queue.ts';
export { Rate } from './rate.ts';
export { ResettableTimer } from './resettable-timer.ts';
export { TokenBucket, type TokenRate } from './token-bucket.ts';
export { TokenBuckets, type TokenBucketsOptions } from './token-buckets.ts';
