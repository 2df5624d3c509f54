// Pings that the server with the rooms has received.

import { type Element, NS } from '../../../src/xml/index.ts';
import type { WireStanza } from '../support/prosody.ts';
import type { RoomService } from './service.ts';

export function isPing(element: Element): boolean {
  return element.is('iq') && element.getChild('ping', NS.PING) !== undefined;
}

/** The self-pings (XEP-0410) of a full JID that arrived after `since` (ms since 1970). */
export async function selfPings(
  service: RoomService,
  from: string,
  room: string,
  since: number,
): Promise<WireStanza[]> {
  return (await service.wire()).filter(({ at, dir, element }) => {
    const isOwn = element.attrs.from === from && element.attrs.to?.startsWith(`${room}/`) === true;
    return at >= since && dir === 'in' && isPing(element) && isOwn;
  });
}
