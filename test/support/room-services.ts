// What room services in use answer to a self-ping (XEP-0410 §3.2), each in its own way.

import type { Element } from '../../src/xml/element.ts';
import { type FakeRooms, failure, result } from './fake-rooms.ts';

interface Asked {
  readonly rooms: FakeRooms;
  readonly ping: Element;
  readonly room: string;
  /** Full JID → nick; `undefined` where there is no such room. */
  readonly occupants: ReadonlyMap<string, string> | undefined;
  /** The asker's nick; `undefined` when it is not in. */
  readonly own: string | undefined;
  readonly nick: string;
}

type Service = (asked: Asked) => Element | undefined;

const notFound = (asked: Asked, by?: string) => failure(asked.ping, 'item-not-found', by ? { by } : {});
const notIn = (asked: Asked) => failure(asked.ping, 'not-acceptable', { type: 'cancel', by: asked.room });

/** The sessions that share the nick that is asked for. */
function holders({ occupants, nick }: Asked): string[] {
  return [...(occupants ?? [])].filter(([, other]) => other === nick).map(([full]) => full);
}

export const SERVICES = {
  /** Prosody from 0.11: the service speaks for rooms that do not exist. */
  prosody(asked) {
    if (!asked.occupants) return notFound(asked, asked.rooms.domain);
    if (asked.own === undefined) return notIn(asked);
    return asked.own === asked.nick ? result(asked.ping) : notFound(asked, asked.room);
  },
  /** ejabberd from 18.12: never says who speaks. */
  ejabberd(asked) {
    if (!asked.occupants) return notFound(asked);
    if (asked.own === undefined) return failure(asked.ping, 'not-acceptable');
    return asked.own === asked.nick ? result(asked.ping) : notFound(asked);
  },
  /** … where queries between occupants are off. */
  'ejabberd, queries off'(asked) {
    if (!asked.occupants) return notFound(asked);
    return failure(asked.ping, asked.own === undefined ? 'not-acceptable' : 'not-allowed');
  },
  /** Passes the ping on to any session of that nick. */
  mongooseim(asked) {
    if (!asked.occupants) return notFound(asked);
    if (asked.own === undefined) return failure(asked.ping, 'not-acceptable');
    const [any] = holders(asked);
    if (any === undefined) return notFound(asked);
    asked.rooms.relay(asked.ping, [any]);
    return undefined;
  },
  openfire(asked) {
    if (!asked.occupants) return notFound(asked);
    if (asked.own === undefined) return notIn(asked);
    return asked.own === asked.nick ? result(asked.ping) : failure(asked.ping, 'recipient-unavailable');
  },
  /** Passes the ping on to all sessions of that nick, whoever asks. */
  tigase(asked) {
    const all = holders(asked);
    if (!asked.occupants) return notFound(asked);
    if (all.length === 0) return failure(asked.ping, 'not-acceptable');
    asked.rooms.relay(asked.ping, all);
    return undefined;
  },
  biboumi(asked) {
    if (asked.own === undefined) return failure(asked.ping, 'not-acceptable');
    return asked.own === asked.nick ? result(asked.ping) : notFound(asked);
  },
  /** Does not look at the nick. */
  slidge(asked) {
    if (!asked.occupants) return notFound(asked);
    return asked.own === undefined ? notIn(asked) : result(asked.ping);
  },
} satisfies Record<string, Service>;

export type ServiceName = keyof typeof SERVICES;

/** Lets the rooms answer pings as this service does. */
export function speakAs(rooms: FakeRooms, service: ServiceName): void {
  rooms.onPing = (ping) => {
    const to = ping.attrs.to ?? '';
    const slash = to.indexOf('/');
    const room = to.slice(0, slash);
    const occupants = rooms.rooms.get(room);
    const own = occupants?.get(ping.attrs.from ?? '');
    return SERVICES[service]({ rooms, ping, room, occupants, own, nick: to.slice(slash + 1) });
  };
}
