// The events and items by which other modules of the service observe and extend rooms.

import type { ElementLike, Event, Jid, Stanza } from 'enjamb/api';
import type { Affiliation } from './ranks.ts';
import type { Occupant, Room, Seat } from './room.ts';
import type { ExtraSetting } from './settings.ts';

/** A client is about to enter. A handler may throw a StanzaError to refuse, or assign another nick (status 210). */
export interface Entering {
  readonly room: Readonly<Room>;
  readonly client: Jid;
  readonly affiliation: Affiliation;
  readonly stanza: Stanza;
  nick: string;
  /** Whether the room was created for this client. */
  readonly isNew: boolean;
}

/** An occupant is about to send a stanza. A handler may throw a StanzaError to refuse, or replace the stanza. */
export interface Saying {
  readonly room: Readonly<Room>;
  readonly client: Jid;
  /** `undefined` for an absent member who invites. */
  readonly occupant: Readonly<Occupant> | undefined;
  stanza: Stanza;
  readonly kind: 'message' | 'subject' | 'private' | 'invite' | 'voice';
}

/** A message was sent to all occupants. */
export interface Said {
  readonly room: Readonly<Room>;
  readonly occupant: Readonly<Occupant>;
  /** The bare JID of its author. */
  readonly author: string;
  /** The sent message without `to`. It is shared and must not be changed. */
  readonly stanza: Stanza;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Whether the message is stored in the history. */
  readonly kept: boolean;
}

/** Clients have entered or departed. */
export interface Moved {
  readonly room: Readonly<Room>;
  readonly seats: readonly Readonly<Seat>[];
  /** Status codes, such as 201 or 307. */
  readonly codes: readonly string[];
}

export interface AffiliationChanged {
  readonly room: Readonly<Room>;
  /** The bare JID, or the domain. */
  readonly bare: string;
  readonly before: Affiliation;
  readonly after: Affiliation;
  /** The bare JID of the user who made the change; `undefined` for the server itself. */
  readonly actor: string | undefined;
}

export interface RoomChanged {
  readonly room: Readonly<Room>;
  readonly change: 'created' | 'configured' | 'destroyed';
}

/** A field of a room's disco information (XEP-0045 §6.4). */
export interface InfoField {
  readonly var: string;
  readonly type: 'boolean' | 'text-single' | 'text-multi';
  readonly label: string;
  readonly values: readonly string[];
}

declare module 'enjamb/api' {
  interface Events {
    'muc-enter': Event<Entering, undefined>;
    'muc-say': Event<Saying, undefined>;
    'muc-said': Event<Said>;
    'muc-entered': Event<Moved>;
    'muc-departed': Event<Moved>;
    'muc-affiliation': Event<AffiliationChanged>;
    'muc-room': Event<RoomChanged>;
  }
  interface Items {
    /** A setting of every room; `room.config.extra` holds the value under its name. */
    'muc-setting': ExtraSetting;
    /** Features of a room for the requester. */
    'muc-feature': (room: Readonly<Room>, asker: Jid) => readonly string[];
    'muc-info': (room: Readonly<Room>, asker: Jid) => readonly InfoField[];
    /** Children of an occupant's presence; call the export `forgetViews` when they change. */
    'muc-presence': (room: Readonly<Room>, occupant: Readonly<Occupant>) => readonly ElementLike[];
  }
}
