// The data that survives a reload of the code, besides the places on the sessions.

import type { Absent } from '../answer/absent.ts';
import type { Own } from '../gap/outbox.ts';
import type { Place, RoomData } from '../memory/memory.ts';
import type { PayloadTotal } from '../memory/payloads.ts';
import type { Tries } from './budget.ts';

export interface Kept {
  readonly rooms: RoomData;
  readonly payloads: PayloadTotal;
  readonly tries: Tries;
  readonly absent: Map<Place, Absent>;
  readonly own: Map<Place, Own[]>;
}
