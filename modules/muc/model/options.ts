// The options of a room service, with Prosody's names where Prosody has the option.

import { boolean, duration, type Infer, integer, oneOf, string } from 'enjamb/api';

export const OPTIONS = {
  restrict_room_creation: oneOf(
    'Who may create rooms, besides administrators: "local" for users of this server, "admin" or true for administrators only, false for every user',
    [false, true, 'local', 'admin'],
    { default: 'local' },
  ),
  muc_room_locking: boolean(
    'Whether a new room is locked for other users until its owner has configured it',
    {
      default: true,
    },
  ),
  muc_room_lock_timeout: duration('Time after which a new room that is not configured is removed', {
    default: '5 minutes',
    min: 1,
  }),
  max_history_messages: integer('Most messages that a room may keep for new occupants', {
    default: 20,
    min: 0,
    max: 1000,
  }),
  muc_room_default_history_length: integer('Messages that a new room keeps for new occupants', {
    default: 20,
    min: 0,
    max: 1000,
  }),
  muc_room_default_persistent: boolean('Whether new rooms persist after the last occupant has left', {
    default: false,
  }),
  muc_room_default_public: boolean('Whether new rooms are in the public list', { default: true }),
  muc_room_default_members_only: boolean('Whether only members may enter new rooms', { default: false }),
  muc_room_default_allow_member_invites: boolean(
    'Whether members may invite others to new members-only rooms',
    {
      default: false,
    },
  ),
  muc_room_default_moderated: boolean('Whether new rooms are moderated: new occupants have no voice', {
    default: false,
  }),
  muc_room_default_public_jids: boolean('Whether all occupants of new rooms see real addresses', {
    default: false,
  }),
  muc_room_default_change_subject: boolean('Whether participants of new rooms may change the subject', {
    default: false,
  }),
  muc_room_default_language: string('Language of new rooms, as a language tag', {
    default: '',
    maxLength: 64,
  }),
  muc_public_occupants: boolean(
    'Whether users who are not in a room may see its occupants, if the room is listed and open',
    { default: false },
  ),
  muc_max_rooms: integer('Most rooms on the service', { default: 10_000, min: 1 }),
  muc_max_rooms_per_user: integer(
    'Most existing rooms that one user may have created; administrators may create more',
    { default: 100, min: 0 },
  ),
  muc_max_rooms_per_domain: integer(
    'Most existing rooms that the users of one other server together may have created, if they may create rooms',
    { default: 1000, min: 0 },
  ),
  muc_max_occupants: integer('Most clients in one room', { default: 10_000, min: 1 }),
  muc_max_affiliations: integer(
    'Most users with an affiliation in one room: owners, admins, members and banned users',
    {
      default: 5_000,
      min: 1,
    },
  ),
  muc_max_nick_length: integer('Longest nickname, in characters', { default: 128, min: 1, max: 1023 }),
};

export type MucOptions = typeof OPTIONS;
export type MucSettings = Infer<MucOptions>;
