// Flow control: how much at a time, how fast, how often again, and how much is remembered.

export { BoundedMap } from './bounded-map.ts';
export { Gate, GateFullError, type GateOptions } from './gate.ts';
