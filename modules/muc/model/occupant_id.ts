// XEP-0421: the same user has the same id in a room at every visit, and nobody can tell whose it is.

import { createHmac } from 'node:crypto';
import { type Element, NS, xml } from 'enjamb/api';
import type { Room } from './room.ts';

export function occupantId(room: Room, bare: string): string {
  return createHmac('sha256', room.secret).update(bare).digest('base64url');
}

export function occupantIdElement(id: string): Element {
  return xml('occupant-id', { xmlns: NS.OCCUPANT_ID, id });
}
