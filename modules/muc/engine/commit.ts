// Changes of stored rooms. A change is written before the requester gets an answer and the occupants are notified. So
// an acknowledged change survives a crash, and a change that cannot be written has no effect.
//
//   request ──▶ waiting ──▶ tried on a draft of the room ──▶ written ──▶ applied, answered
//                                 │ not allowed                │ failed
//                                 └──────▶ refused ◀───────────┘  the room is unchanged
//
// Each room has at most one running write; all changes requested meanwhile share the next one (docs/adr/0025).

import { errorReply, refusalFor, StanzaError, type StanzaEvent } from 'enjamb/api';
import type { Room } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';
import { isKept } from '../model/row.ts';
import type { Change, Commits, Draft, Request } from './change.ts';
import { type Service, send } from './service.ts';
import { saveDraft } from './store.ts';
import { turn } from './turn.ts';

/** The most changes of one room that wait for a write. */
const MAX_WAITING = 1_000;
/** The most changes that share a write. They are applied in one turn, which blocks the process. */
const MAX_PER_WRITE = 100;

/**
 * Applies a change: immediately in a room that is only in memory, otherwise after the write.
 * @throws StanzaError if the change is refused immediately; a later refusal is sent to the requester
 */
export function commit(service: Service, room: Room, event: StanzaEvent, change: Change): void {
  if (!service.commits.has(room.name)) {
    change.check(room);
    if (!needsWrite(service, room, change)) {
      change.apply(room);
      return;
    }
  }
  const commits = service.commits.get(room.name) ?? begin(service, room.name);
  if (commits.waiting.length >= MAX_WAITING) {
    throw roomError(room.jid, 'resource-constraint', { text: 'Too many pending changes of this room' });
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  commits.waiting.push({ change, event, room, done: resolve });
  event.waitUntil(promise);
}

/** Resolves when no change is pending, so that all requesters get an answer before the module unloads. */
export async function settled(service: Service): Promise<void> {
  await Promise.all([...service.commits.values()].map(({ idle }) => idle));
}

function needsWrite(service: Service, room: Room, change: Change): boolean {
  if (service.stored.has(room.name) || isKept(room)) return true;
  const draft = draftOf(room);
  change.stage(draft);
  return isKept(draft);
}

function begin(service: Service, name: string): Commits {
  const { promise, resolve } = Promise.withResolvers<void>();
  const commits: Commits = { waiting: [], idle: promise };
  service.commits.set(name, commits);
  service.module.spawn(run(service, name, commits).finally(resolve));
  return commits;
}

async function run(service: Service, name: string, commits: Commits): Promise<void> {
  await Promise.resolve(); // All changes of one turn share a write.
  try {
    while (commits.waiting.length > 0) {
      await service.module.serial(`room ${name}`, () => writeWaiting(service, name, commits));
    }
  } finally {
    service.commits.delete(name);
  }
}

async function writeWaiting(service: Service, name: string, commits: Commits): Promise<void> {
  const requests = commits.waiting.splice(0, MAX_PER_WRITE);
  try {
    await writeTogether(service, name, requests);
  } finally {
    for (const { done } of requests) done();
  }
}

async function writeTogether(service: Service, name: string, requests: readonly Request[]): Promise<void> {
  const room = service.rooms.get(name);
  const draft = room && draftOf(room);
  const accepted = requests.filter((request) =>
    attempt(service, request, () => stageOn(room, draft, request)),
  );
  if (!draft || accepted.length === 0) return;
  try {
    await saveDraft(service, name, draft.removed ? undefined : draft);
  } catch (error) {
    service.module.log.error('room not stored, changes refused', { room: draft.jid, error });
    for (const { event } of accepted) refuse(service, event, notStored(draft, error));
    return;
  }
  for (const request of accepted) attempt(service, request, () => applyStored(service, request));
}

function stageOn(
  room: Room | undefined,
  draft: Draft | undefined,
  { change, room: requested }: Request,
): void {
  if (!draft || room !== requested || draft.removed) {
    throw roomError(requested.jid, 'item-not-found', { text: 'The room no longer exists', type: 'cancel' });
  }
  change.check(draft);
  change.stage(draft);
}

/** Applies a change without a second write, since its row is on disk. */
function applyStored(service: Service, { change, event, room }: Request): void {
  if (service.rooms.get(room.name) !== room) {
    throw roomError(room.jid, 'item-not-found', { text: 'The room no longer exists', type: 'cancel' });
  }
  turn(service, event, () => {
    const hadChanged = service.changed.has(room.name);
    change.apply(room);
    if (!hadChanged) service.changed.delete(room.name);
  });
}

/** Runs `act` and returns whether it succeeded; if not, sends the error to the requester. */
function attempt(service: Service, { event }: Request, act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (!(error instanceof StanzaError)) service.module.report(error);
    refuse(service, event, refusalFor(error));
    return false;
  }
}

function refuse(service: Service, { stanza }: StanzaEvent, error: StanzaError): void {
  const reply = errorReply(stanza, error);
  if (reply) send(service, reply);
}

function notStored(room: Room, error: unknown): StanzaError {
  return roomError(room.jid, refusalFor(error).condition, {
    type: 'wait',
    text: 'The room cannot be stored now, so nothing was changed. Try again later.',
  });
}

/** A copy whose affiliations, nicks and configuration may be changed; it shares the rest with the room. */
function draftOf(room: Room): Draft {
  return { ...room, affiliations: new Map(room.affiliations), reserved: new Map(room.reserved) };
}
