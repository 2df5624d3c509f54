// The administrators' commands for rooms: `enjamb rooms …`.

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
    summary: 'Lists the rooms on this server',
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
    summary: 'Shows the occupants, affiliations and configuration of a room',
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
        data: { ...summaryOf(found), config, affiliations: Object.fromEntries(found.affiliations) },
      };
    },
  });
}

function addCreate(module: Registry, service: Service): void {
  module.command({
    name: 'rooms create',
    summary: 'Creates a persistent room',
    args: {
      room,
      owner: jid('The owner of the room'),
      hidden: boolean('Whether the public list omits the room', { default: false }),
    },
    positional: ['room', 'owner'],
    nothing: noService,
    async run(args) {
      const { local, domain } = Jid.parse(args.room);
      if (domain !== service.domain) return {};
      if (local === undefined)
        throw new CommandError(`"${args.room}" has no name: write the room as NAME@${domain}`, 'usage');
      if (service.rooms.has(local)) throw new CommandError(`the room ${args.room} already exists`);
      await create(service, local, args);
      return { text: `${args.room} created` };
    },
  });
}

/** Creates a room, and refuses if it cannot be stored, since it would be lost at a restart. @throws CommandError */
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
      `${address} was not created, because it cannot be stored; the log has the reason`,
      'refused',
      error,
    );
  }
}

function addDestroy(module: Registry, service: Service): void {
  module.command({
    name: 'rooms destroy',
    summary: 'Removes all occupants from a room and deletes it',
    args: {
      room,
      reason: string('The reason shown to its occupants', { optional: true }),
      venue: jid('An alternative room for its occupants', { optional: true }),
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

/** The room; `undefined` if its address is on another host. @throws CommandError if the room does not exist */
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
