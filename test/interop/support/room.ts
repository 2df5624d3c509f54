// Common parts of tests with rooms: the notice, self-pings, and the proof that a client is in a room.

import assert from 'node:assert/strict';
import { type Element, NS } from '../../../src/xml/index.ts';
import { HOME } from './addresses.ts';
import type { Prosody, WireStanza } from './prosody.ts';
import type { ReceivedStanza, SlixmppClient } from './slixmpp.ts';
import { until } from './waiting.ts';

/** The configured `ping_muc_delay`, in ms, before which no notice is sent. */
export const DELAY_MS = 2_000;
/** The time after the delay within which notices are sent. */
export const WINDOW_MS = 7_000;
/** `ping_muc_give_up` by default. */
export const GIVE_UP_MS = 10 * DELAY_MS;
/** The first question waits until the room service is up. It would be repeated after half of the delay. */
export const PATIENT = 'ping_muc_timeout = 15';
/** Without joins by the server, which have tests of their own. */
export const CONFIG = [`ping_muc_delay = ${DELAY_MS / 1000}`, 'muc_autorejoin = "off"'];

export function fullJid(user: string): string {
  return `${user}@${HOME}/orchard`;
}

/** The status codes of a presence from a room (XEP-0045 §15.6.2). */
export function statusCodes(element: Element): string[] {
  const codes = element.getChild('x', NS.MUC_USER)?.getChildren('status') ?? [];
  return codes.map((status) => status.attrs.code ?? '');
}

/** Whether a presence is a notice. */
export function isNotice(element: Element): boolean {
  return element.is('presence') && statusCodes(element).includes('333');
}

export function noticesIn(stanzas: readonly ReceivedStanza[]): ReceivedStanza[] {
  return stanzas.filter(({ element }) => isNotice(element));
}

/** The self-pings (XEP-0410) of a full JID that Prosody received. */
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

/** Proves that a client is in the room by a message of `speaker`, which both get. */
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

/** The stanzas that a client got, without messages of the room. */
export function besidesTalk(stanzas: readonly ReceivedStanza[]): string[] {
  return asText(stanzas.filter(({ element }) => !element.is('message')));
}

/** @throws AssertionError unless the moment is from `earliest` to `latest` (ms since 1970). */
export function assertWithin(at: number, earliest: number, latest: number, what: string): void {
  assert.ok(at >= earliest, `${what} is ${Math.round(earliest - at)} ms too early`);
  assert.ok(at <= latest, `${what} is ${Math.round(at - latest)} ms too late`);
}
