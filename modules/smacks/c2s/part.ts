// Saves sessions with stream management, and puts saved ones back to sleep.

import type { C2SSession, Module } from 'enjamb/api';
import type { Json } from 'enjamb/api/stream';
import { newOutbound } from '../outbound.ts';
import type { Clients } from './clients.ts';
import type { Deliveries, SavedDelivery } from './deliveries.ts';
import type { Sleep } from './sleep.ts';
import type { Sent, StreamManagement } from './state.ts';

/** The shortest time that a client has to return after a start of the server. */
const LEAST_REST_MS = 60_000;

interface SavedSent {
  readonly at: number;
  readonly text: string;
  readonly delivery?: SavedDelivery;
  readonly isCopied?: true;
}

/** JSON. */
export interface SavedManagement {
  readonly id?: string;
  readonly maxMs: number;
  /** The time for which it has slept, in ms. 0: it was connected. */
  readonly asleepMs: number;
  readonly h: number;
  readonly acknowledged: number;
  readonly queue: readonly SavedSent[];
  readonly inherited: readonly SavedSent[];
}

export interface PartOwner {
  readonly clients: Clients;
  readonly deliveries: Deliveries;
  readonly sleep: Sleep;
}

/** The part `smacks` of saved sessions. */
export function provideSessionPart(module: Module, { clients, deliveries, sleep }: PartOwner): void {
  const { clock } = module;
  module.provide('session-part', {
    name: 'smacks',
    save(session) {
      const { smacks: management, inherited = [] } = session.state;
      if (management === undefined) return undefined;
      const { asleepSince } = management;
      const asleepMs = asleepSince === undefined ? 0 : clock.elapsed() - asleepSince;
      return saved(management, asleepMs, inherited, deliveries) as unknown as Json;
    },
    load(session, json) {
      const management = json as unknown as SavedManagement;
      restore(session, management, deliveries);
      const { maxMs, asleepMs } = management;
      const client = clients.get(session);
      const restMs = Math.min(maxMs, Math.max(LEAST_REST_MS, maxMs - asleepMs));
      if (!client || !sleep.begin(client, asleepMs, restMs)) {
        throw new TypeError('A saved session that cannot be resumed');
      }
    },
  });
  module.observe('host-start', () => deliveries.forgetLoaded());
}

function saved(
  { id, maxMs, inbound, outbound }: StreamManagement,
  asleepMs: number,
  inherited: readonly Sent[],
  deliveries: Deliveries,
): SavedManagement {
  const save = ({ at, text, delivery, isCopied }: Sent): SavedSent => ({
    at,
    text,
    ...(delivery ? { delivery: deliveries.save(delivery) } : undefined),
    ...(isCopied ? { isCopied } : undefined),
  });
  return {
    ...(id === undefined ? undefined : { id }),
    maxMs,
    asleepMs,
    h: inbound.h,
    acknowledged: outbound.acknowledged,
    queue: outbound.queue.map(save),
    inherited: inherited.map(save),
  };
}

function restore({ state }: C2SSession, management: SavedManagement, deliveries: Deliveries): void {
  const { id, maxMs, h, acknowledged, queue, inherited } = management;
  const load = ({ at, text, delivery, isCopied }: SavedSent): Sent => ({
    text,
    bytes: Buffer.byteLength(text),
    at,
    delivery: delivery && deliveries.load(delivery),
    isCopied: isCopied === true,
  });
  const outbound = newOutbound<Sent>(acknowledged);
  outbound.queue.push(...queue.map(load));
  for (const { bytes } of outbound.queue) outbound.bytes += bytes;
  state.smacks = { ...(id === undefined ? undefined : { id }), maxMs, inbound: { h }, outbound };
  if (inherited.length > 0) state.inherited = inherited.map(load);
}
