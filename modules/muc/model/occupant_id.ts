// XEP-0421: a user has the same id at every visit of a room, and the id does not reveal the user's address.

import { createHmac } from 'node:crypto';
import { type Element, NS, xml } from 'enjamb/api';
import type { Room } from './room.ts';

export function occupantId(room: Room, bare: string): string {
  return createHmac('sha256', room.secret).update(bare).digest('base64url');
}

export function occupantIdElement(id: string): Element {
  return xml('occupant-id', { xmlns: NS.OCCUPANT_ID, id });
}
