// All attacks, in the order of the table.

import type { Attack } from '../attacker.ts';
import { CONNECTION_ATTACKS } from './connections.ts';
import { FLOOD_ATTACKS } from './floods.ts';
import { LINK_ATTACKS } from './links.ts';
import { POISON_ATTACKS } from './poison.ts';
import { ROOM_ATTACKS } from './rooms.ts';
import { ROSTER_ATTACKS } from './roster.ts';
import { STORAGE_ATTACKS } from './storage.ts';
import { WEIGHT_ATTACKS } from './weight.ts';

/** No attack, as the baseline for the other figures. */
const NOBODY: Attack = {
  name: 'nobody',
  who: 'stranger',
  async run() {},
};

export const ATTACKS: readonly Attack[] = [
  NOBODY,
  ...POISON_ATTACKS,
  ...WEIGHT_ATTACKS,
  ...ROSTER_ATTACKS,
  ...STORAGE_ATTACKS,
  ...LINK_ATTACKS,
  ...ROOM_ATTACKS,
  ...FLOOD_ATTACKS,
  ...CONNECTION_ATTACKS,
];
