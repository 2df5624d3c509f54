// Bounds the number of seats in all rooms of a service, and the share of one account or one other server.

import { type Holder, registeredDomain } from 'enjamb/api';
import type { Occupant } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';
import type { Budgets, Service } from './service.ts';

/** The most seats in all rooms together; each takes about 2 KiB plus its presence. */
export const MAX_SEATS = 50_000;
/** The share of one account of this server: 2,500 seats, such as 20 clients in 125 rooms. */
const ACCOUNT_SHARE = 1 / 20;
/** The share of all users below one registered domain. */
const SERVER_SHARE = 1 / 4;

/** The members of a service that count seats. */
interface Memory {
  readonly module: Pick<Service['module'], 'local'>;
  readonly budgets: Pick<Budgets, 'seats'>;
}

/**
 * Checks that a user may take one more seat. Both addresses are bare JIDs. @throws StanzaError 'resource-constraint'
 */
export function checkSeats(service: Memory, room: string, bare: string): void {
  const obstacle = service.budgets.seats.obstacle(holderOf(service, bare), 1);
  if (obstacle === undefined) return;
  const who = obstacle === 'share' ? 'You are, or your server is,' : 'Too many clients are';
  throw roomError(room, 'resource-constraint', { type: 'wait', text: `${who} in too many rooms here` });
}

/** Counts a seat that is taken or released. */
export function countSeat(
  service: Memory,
  { occupant }: { readonly occupant: Pick<Occupant, 'bare'> },
  step: 1 | -1,
): void {
  const holder = holderOf(service, occupant.bare);
  if (step === 1) service.budgets.seats.force(holder, 1);
  else service.budgets.seats.give(holder, 1);
}

/** The holder in the budgets of all rooms that a user is charged to. */
export function holderOf({ module }: Pick<Memory, 'module'>, bare: string): Holder {
  const domain = bare.slice(bare.indexOf('@') + 1);
  if (module.local(domain) !== undefined) return { name: bare, share: ACCOUNT_SHARE };
  return { name: registeredDomain(domain), share: SERVER_SHARE };
}
