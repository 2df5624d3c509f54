// The elements of stream management, and how their attributes are read (XEP-0198).

import { type Element, NS, type StanzaCondition, StreamError, xml } from 'enjamb/api';

/** xs:unsignedInt. */
const MAX_H = 0xffff_ffff;

/** `<failed/>` (§6). `h`: the number of handled stanzas of an ended session (§5). */
export function failed(condition: StanzaCondition, h?: number): Element {
  return xml('failed', { xmlns: NS.SM, h: h?.toString() }, xml(condition, NS.STANZAS));
}

export function isTrue(value: string | undefined): boolean {
  return value === 'true' || value === '1';
}

/** Returns `undefined` for anything but a number of seconds. */
export function secondsOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}

/** The counter in an element; `undefined` without one. */
export function hOf({ attrs: { h = '' } }: Element): number | undefined {
  const count = /^\d{1,10}$/.test(h) ? Number(h) : Number.NaN;
  return count <= MAX_H ? count : undefined;
}

export function withoutH(): StreamError {
  return new StreamError('bad-format', `<a/> needs an h from 0 to ${MAX_H}`);
}

/** §6. */
export function tooHigh(h: number, sent: number): StreamError {
  const counts = xml('handled-count-too-high', { xmlns: NS.SM, h: `${h}`, 'send-count': `${sent}` });
  return new StreamError(
    'undefined-condition',
    `You acknowledged ${h} stanzas, but only ${sent} were sent`,
    counts,
  );
}
