// The data that survives a reload of the code, besides the places on the sessions.

import type { Absent } from './absent.ts';
import type { Tries } from './budget.ts';
import type { Place, RoomData } from './memory.ts';
import type { Own } from './outbox.ts';
import type { PayloadTotal } from './payloads.ts';

export interface Kept {
  readonly rooms: RoomData;
  readonly payloads: PayloadTotal;
  readonly tries: Tries;
  readonly absent: Map<Place, Absent>;
  readonly own: Map<Place, Own[]>;
}
