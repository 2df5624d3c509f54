// Changes of rooms that are on disk. The requester is answered, and the room told, once the change is written: what was
// confirmed outlives a crash, and what cannot be written has not happened.
//
//   asked ──▶ waiting ──▶ tried on a draft of the room ──▶ written ──▶ in force, answered
//                               │ not allowed                │ failed
//                               └──────▶ refused ◀───────────┘  everything is as before
//
// One write of a room is under way; all changes that are asked for meanwhile share the next one (docs/adr/0025).

import { errorReply, refusalFor, StanzaError, type StanzaEvent } from 'enjamb/api';
import { refusal } from './refusal.ts';
import type { Room } from './room.ts';
import { type Service, send, turn } from './service.ts';
import { isKept, saveDraft } from './stored.ts';

/** Changes of one room that wait for a write. */
const MAX_WAITING = 1_000;
/** Changes that share a write: they are put into force in one turn, and others wait for that. */
const MAX_PER_WRITE = 100;

export interface Change {
  /**
   * Tries the change on a room, or on a draft of it, and leaves it as it is.
   * @throws StanzaError when the change is not allowed
   */
  check(room: Room): void;
  /** Makes those changes that are stored. `check` has just allowed them. */
  stage(draft: Draft): void;
  /** Puts the change into force, answers, and tells the room. It may do nothing that `check` could refuse. */
  apply(room: Room): void;
}

/** A room as it would be. */
export interface Draft extends Room {
  /** The room is to be destroyed. */
  removed?: boolean;
}

interface Request {
  readonly change: Change;
  readonly event: StanzaEvent;
  readonly room: Room;
  done(): void;
}

/** The requests of one room. */
export interface Commits {
  readonly waiting: Request[];
  /** Settles, and never rejects, when nothing is under way any more. */
  readonly idle: Promise<void>;
}

/**
 * Makes a change: immediately in a room that is in memory only, after the write in others.
 * @throws StanzaError when the change is refused immediately; a later refusal is sent as the answer
 */
export function commit(service: Service, room: Room, event: StanzaEvent, change: Change): void {
  if (!service.commits.has(room.name)) {
    change.check(room);
    if (!concernsDisk(service, room, change)) {
      change.apply(room);
      return;
    }
  }
  const commits = service.commits.get(room.name) ?? begin(service, room.name);
  if (commits.waiting.length >= MAX_WAITING) {
    throw refusal(room.jid, 'resource-constraint', { text: 'Too many changes of this room are under way' });
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  commits.waiting.push({ change, event, room, done: resolve });
  event.waitUntil(promise);
}

/** Resolves when no change waits any more: all requesters are answered before the module goes. */
export async function settled(service: Service): Promise<void> {
  await Promise.all([...service.commits.values()].map(({ idle }) => idle));
}

function concernsDisk(service: Service, room: Room, change: Change): boolean {
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
  await Promise.resolve(); // so that all changes of one turn share a write
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
  for (const request of accepted) attempt(service, request, () => enforce(service, request));
}

function stageOn(room: Room | undefined, draft: Draft | undefined, { change, room: asked }: Request): void {
  if (!draft || room !== asked || draft.removed) {
    throw refusal(asked.jid, 'item-not-found', { text: 'The room is gone', type: 'cancel' });
  }
  change.check(draft);
  change.stage(draft);
}

/** The row is right already: what the turn changes has been written. */
function enforce(service: Service, { change, event, room }: Request): void {
  if (service.rooms.get(room.name) !== room) {
    throw refusal(room.jid, 'item-not-found', { text: 'The room is gone', type: 'cancel' });
  }
  turn(service, event, () => {
    const hadChanged = service.changed.has(room.name);
    change.apply(room);
    if (!hadChanged) service.changed.delete(room.name);
  });
}

/** Whether `act` succeeded; if not, the requester gets the error. */
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
  return refusal(room.jid, refusalFor(error).condition, {
    type: 'wait',
    text: 'The room cannot be stored now, so nothing has changed. Try again later.',
  });
}

/** A copy whose people and configuration may be changed; all the rest is the room's own. */
function draftOf(room: Room): Draft {
  return { ...room, standings: new Map(room.standings), reserved: new Map(room.reserved) };
}
