// What administrators do with rooms: `enjamb rooms …`.

import { boolean, CommandError, Jid, jid, type Module, string } from 'enjamb/api';
import { destroyRoom } from './acts/destroy.ts';
import { createRoom, roomChanged, unlockRoom } from './engine/rooms.ts';
import type { Service } from './engine/service.ts';
import { turn } from './engine/turn.ts';
import type { Room } from './model/room.ts';

const room = jid('The room');

type Registry = Pick<Module, 'command'>;

export function addRoomCommands(module: Registry, service: Service): void {
  addList(module, service);
  addShow(module, service);
  addCreate(module, service);
  addDestroy(module, service);
}

function addList(module: Registry, service: Service): void {
  module.command({
    name: 'rooms list',
    summary: 'The rooms on this server',
    args: {},
    run: () => ({
      rows: [...service.rooms.values()].map(summaryOf),
      columns: ['room', 'name', 'clients', 'persistent', 'public', 'locked'],
    }),
  });
}

function addShow(module: Registry, service: Service): void {
  module.command({
    name: 'rooms show',
    summary: 'Who is in a room, who belongs to it, and how it is configured',
    args: { room },
    positional: ['room'],
    nothing: noService,
    run(args) {
      const found = roomHere(service, args.room);
      if (!found) return {};
      const { password: _, ...config } = found.config;
      return {
        rows: [...found.seats.values()].map(({ jid: client, occupant }) => {
          return { client, nick: occupant.nick, role: occupant.role };
        }),
        data: { ...summaryOf(found), config, standings: Object.fromEntries(found.standings) },
      };
    },
  });
}

function addCreate(module: Registry, service: Service): void {
  module.command({
    name: 'rooms create',
    summary: 'Makes a persistent room',
    args: {
      room,
      owner: jid('Who owns it'),
      hidden: boolean('Whether it is left out of the public list', { default: false }),
    },
    positional: ['room', 'owner'],
    nothing: noService,
    async run(args) {
      const { local, domain } = Jid.parse(args.room);
      if (domain !== service.domain) return {};
      if (local === undefined)
        throw new CommandError(`"${args.room}" has no name: write the room as NAME@${domain}`, 'usage');
      if (service.rooms.has(local)) throw new CommandError(`the room ${args.room} exists already`);
      await create(service, local, args);
      return { text: `${args.room} created` };
    },
  });
}

/** Refuses to create a room that cannot be stored, since it would be gone after a restart. @throws CommandError */
async function create(
  service: Service,
  name: string,
  {
    room: address,
    owner,
    hidden,
  }: { readonly room: string; readonly owner: string; readonly hidden: boolean },
): Promise<void> {
  const made = turn(service, undefined, () => {
    const fresh = createRoom(service, name, { owner, creator: undefined });
    fresh.config = { ...fresh.config, persistent: true, listed: !hidden };
    unlockRoom(service, fresh);
    roomChanged(service, fresh);
    return fresh;
  });
  try {
    await service.writing.get(name);
  } catch (error) {
    turn(service, undefined, () => destroyRoom(service, made, {}));
    throw new CommandError(
      `${address} cannot be stored, so it was not created; the log says why`,
      'refused',
      error,
    );
  }
}

function addDestroy(module: Registry, service: Service): void {
  module.command({
    name: 'rooms destroy',
    summary: 'Removes everybody from a room, and the room for good',
    args: {
      room,
      reason: string('What its occupants are told', { optional: true }),
      venue: jid('Where they may go instead', { optional: true }),
    },
    positional: ['room'],
    destroys: true,
    nothing: noService,
    run(args) {
      const found = roomHere(service, args.room);
      if (!found) return {};
      turn(service, undefined, () => destroyRoom(service, found, { reason: args.reason, venue: args.venue }));
      return { text: `${args.room} destroyed` };
    },
  });
}

function noService(args: { readonly room: string }): string {
  return `${args.room} is not on a room service of this server`;
}

/** `undefined`: it would be on another host. @throws CommandError when it would be here and is not */
function roomHere(service: Service, text: string): Room | undefined {
  const { local = '', domain } = Jid.parse(text);
  if (domain !== service.domain) return undefined;
  const found = service.rooms.get(local);
  if (!found) throw new CommandError(`there is no room ${text}`);
  return found;
}

function summaryOf({ jid: address, config, seats, lockedSince }: Room) {
  return {
    room: address,
    name: config.name,
    clients: seats.size,
    persistent: config.persistent,
    public: config.listed,
    locked: lockedSince !== undefined,
  };
}
