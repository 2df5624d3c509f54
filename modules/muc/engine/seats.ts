// How many clients may be in the rooms of a service, and how many of them one account or one other server may have there.

import { type Holder, registeredDomain } from 'enjamb/api';
import type { Occupant } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';
import type { Budgets, Service } from './service.ts';

/** In all rooms together; each takes about 2 KiB, with its presence more. */
export const MAX_SEATS = 50_000;
/** The part that one account of this server may take: of the seats 2,500, such as 20 clients in 125 rooms. */
const ACCOUNT_SHARE = 1 / 20;
/** The part that all users below one registered domain may take. */
const SERVER_SHARE = 1 / 4;

/** Where a service counts them. */
interface Memory {
  readonly module: Pick<Service['module'], 'local'>;
  readonly budgets: Pick<Budgets, 'seats'>;
}

/** Both addresses are bare JIDs. @throws StanzaError 'resource-constraint' */
export function checkSeats(service: Memory, room: string, bare: string): void {
  const obstacle = service.budgets.seats.obstacle(holderOf(service, bare), 1);
  if (obstacle === undefined) return;
  const who = obstacle === 'share' ? 'You are, or your server is,' : 'Too many clients are';
  throw roomError(room, 'resource-constraint', { type: 'wait', text: `${who} in too many rooms here` });
}

/** Counts a client in, or out. */
export function countSeat(
  service: Memory,
  { occupant }: { readonly occupant: Pick<Occupant, 'bare'> },
  step: 1 | -1,
): void {
  const holder = holderOf(service, occupant.bare);
  if (step === 1) service.budgets.seats.force(holder, 1);
  else service.budgets.seats.give(holder, 1);
}

/** The holder of what a user takes of the memory of all rooms. */
export function holderOf({ module }: Pick<Memory, 'module'>, bare: string): Holder {
  const domain = bare.slice(bare.indexOf('@') + 1);
  if (module.local(domain) !== undefined) return { name: bare, share: ACCOUNT_SHARE };
  return { name: registeredDomain(domain), share: SERVER_SHARE };
}
