// What scenes in rooms have in common: what they look for, and how a room shows that somebody is in it.

import assert from 'node:assert/strict';
import { type Element, NS } from '../../../src/xml/index.ts';
import { HOME } from './addresses.ts';
import type { Prosody, WireStanza } from './prosody.ts';
import type { ReceivedStanza, SlixmppClient } from './slixmpp.ts';
import { until } from './waiting.ts';

/** The configured `ping_muc_delay`, in ms: also the earliest moment of a notice. */
export const DELAY_MS = 2_000;
/** No notice comes later than that after the delay. */
export const WINDOW_MS = 7_000;
/** `ping_muc_give_up` by default. */
export const GIVE_UP_MS = 10 * DELAY_MS;
/** The first question waits until the room service has started again. After half of the delay it would be repeated. */
export const PATIENT = 'ping_muc_timeout = 15';
export const CONFIG = [`ping_muc_delay = ${DELAY_MS / 1000}`];

export function fullJid(user: string): string {
  return `${user}@${HOME}/orchard`;
}

/** The status codes of a presence from a room (XEP-0045 §15.6.2). */
export function statusCodes(element: Element): string[] {
  const codes = element.getChild('x', NS.MUC_USER)?.getChildren('status') ?? [];
  return codes.map((status) => status.attrs.code ?? '');
}

/** A presence that tells a client that it fell out for a technical reason. */
export function isNotice(element: Element): boolean {
  return element.is('presence') && statusCodes(element).includes('333');
}

export function noticesIn(stanzas: readonly ReceivedStanza[]): ReceivedStanza[] {
  return stanzas.filter(({ element }) => isNotice(element));
}

/** Pings from somebody's full JID to itself in a room (XEP-0410), as Prosody received them. */
export async function selfPings(prosody: Prosody, user: string, room: string): Promise<WireStanza[]> {
  const isSelfPing = ({ dir, element }: WireStanza): boolean =>
    dir === 'in' &&
    element.getChild('ping', NS.PING) !== undefined &&
    element.attrs.from === fullJid(user) &&
    element.attrs.to?.startsWith(`${room}/`) === true;
  return (await prosody.wire()).filter(isSelfPing);
}

/** Resolves once Prosody has received such a ping after `since` (ms since 1970) and sent its answer. */
export async function answeredSelfPing(
  prosody: Prosody,
  { user, room, since, limitMs }: { user: string; room: string; since: number; limitMs: number },
): Promise<{ ping: WireStanza; answer: WireStanza }> {
  return until(
    `an answered self-ping of ${user} in ${room}`,
    async () => {
      const wire = await prosody.wire();
      for (const ping of await selfPings(prosody, user, room)) {
        const { id } = ping.element.attrs;
        const answer = wire.find(
          ({ dir, element }) => dir === 'out' && element.is('iq') && element.attrs.id === id,
        );
        if (ping.at >= since && answer) return { ping, answer };
      }
      return undefined;
    },
    limitMs,
  );
}

/** Proves membership by what only members get: `speaker` says something in the room, and both hear it. */
export async function hears(listener: SlixmppClient, speaker: SlixmppClient, room: string): Promise<void> {
  const body = `Do you hear me? ${Math.random()}`;
  speaker.send(room, body, 'groupchat');
  for (const client of [listener, speaker]) {
    await client.stanza('what was said in the room', (it) => it.getChildText('body') === body);
  }
}

export function asText(stanzas: readonly ReceivedStanza[]): string[] {
  return stanzas.map(({ element }) => element.toString());
}

/** What a client got, without what was said in the room. */
export function besidesTalk(stanzas: readonly ReceivedStanza[]): string[] {
  return asText(stanzas.filter(({ element }) => !element.is('message')));
}

/** @throws AssertionError unless the moment is from `earliest` to `latest` (ms since 1970). */
export function assertWithin(at: number, earliest: number, latest: number, what: string): void {
  assert.ok(at >= earliest, `${what} is ${Math.round(earliest - at)} ms too early`);
  assert.ok(at <= latest, `${what} is ${Math.round(at - latest)} ms too late`);
}
