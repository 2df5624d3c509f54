// What room services do differently. The defaults are those of a service that follows XEP-0045, with an archive.

import type { Element } from '../../../src/xml/element.ts';
import type { StanzaError } from '../../../src/xml/errors.ts';

export interface Behaviour {
  /** Clients of one account may share a nick (§7.2.8). */
  sharesNicks: boolean;
  /** Self-presence has status 110 (§7.2.2). */
  marksSelf: boolean;
  /** The nick that is given for a requested one. A different nick comes with status 210. */
  assignNick: (nick: string) => string;
  /** History and subject precede the self-presence, against §7.1. */
  messagesFirst: boolean;
  /** Messages that are kept for new occupants (§7.2.13). */
  historyLimit: number;
  /** How the `seconds` and `since` of a join are read (§7.2.14); `rounded`: to whole seconds, as ejabberd does. */
  historyFilter: 'exact' | 'rounded' | 'ignored';
  /** The clock of the service minus ours. */
  clockSkewMs: number;
  /** XEP-0313. `fails`: internal-server-error; `silent`: no answer. */
  archive: 'none' | 'works' | 'fails' | 'forbidden' | 'silent';
  archiveDelayMs: number;
  archivePageLimit: number;
  /** Older messages expire, and their ids are unknown then. */
  archiveCapacity: number;
  /** XEP-0421. */
  occupantIds: boolean;
  /** With more clients than this in a room, nobody is shown but oneself: `max_users_presence` of ejabberd. */
  crowdLimit: number;
  joinDelayMs: number;
  /** Lists of affiliations (§9.5). `refused`: forbidden; `silent`: no answer. */
  lists: 'given' | 'refused' | 'silent';
  /** Refuses a join before any rule of the room is applied. */
  refuseJoin: (join: Element) => StanzaError | undefined;
  /** A join is answered by a message with a form (XEP-0158), as ejabberd does. */
  captcha: boolean;
  /** A new room is locked until its owner has configured it (§10.1). */
  locksNewRooms: boolean;
  /** `false`: the settings that an owner submits change nothing. */
  takesConfiguration: boolean;
  /** `false`: a join does not create a room (§7.2.11). */
  createsRooms: boolean;
  /** What a client is sent that is removed because of a delivery error (§11.1). */
  errorRemoval: readonly string[];
  /** The answer to presence without `<x/>` from a client that is not in (§7.2.18). */
  strangers: 'kick' | 'error' | 'silence';
}

export function correctBehaviour(): Behaviour {
  return {
    sharesNicks: true,
    marksSelf: true,
    assignNick: (nick) => nick,
    messagesFirst: false,
    historyLimit: 20,
    historyFilter: 'exact',
    clockSkewMs: 0,
    archive: 'works',
    archiveDelayMs: 0,
    archivePageLimit: 50,
    archiveCapacity: Number.POSITIVE_INFINITY,
    occupantIds: true,
    crowdLimit: Number.POSITIVE_INFINITY,
    joinDelayMs: 0,
    lists: 'given',
    refuseJoin: () => undefined,
    captcha: false,
    locksNewRooms: true,
    takesConfiguration: true,
    createsRooms: true,
    errorRemoval: ['333'],
    strangers: 'kick',
  };
}
