// Plain data, the only kind that hosts exchange, since another host could run in another process.

import { Element } from '../xml/element.ts';
import { Jid } from '../xml/jid.ts';

/**
 * Copies plain data: primitives, arrays and objects without a class. JIDs and elements are passed without a copy,
 * because they have a text form and are never edited.
 * @throws TypeError for anything else, such as a function or a session.
 */
export function plainCopy<T>(value: T): T {
  if (typeof value === 'function' || typeof value === 'symbol') throw notPlain(typeof value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Jid || value instanceof Element) return value;
  if (Array.isArray(value)) return value.map(plainCopy) as T;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw notPlain(value.constructor.name);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plainCopy(part)])) as T;
}

function notPlain(what: string): TypeError {
  return new TypeError(`Hosts exchange plain data only, and this is a ${what}`);
}
