// What administrators set for a room service; the words are Prosody's where it has the option.

import { boolean, duration, type Infer, integer, oneOf, string } from 'enjamb/api';

export const OPTIONS = {
  restrict_room_creation: oneOf(
    'Who may create rooms: "local" for users of this server, "admin" or true for administrators only, false for everybody; administrators always may',
    [false, true, 'local', 'admin'],
    { default: 'local' },
  ),
  muc_room_locking: boolean('Whether a new room is closed to others until its owner has configured it', {
    default: true,
  }),
  muc_room_lock_timeout: duration('How long a new room may stay unconfigured before it is removed', {
    default: '5 minutes',
    min: 1,
  }),
  max_history_messages: integer('Most messages that a room keeps for those who enter', {
    default: 20,
    min: 0,
    max: 1000,
  }),
  muc_room_default_history_length: integer('Messages that a new room keeps for those who enter', {
    default: 20,
    min: 0,
    max: 1000,
  }),
  muc_room_default_persistent: boolean('Whether new rooms stay when the last occupant has left', {
    default: false,
  }),
  muc_room_default_public: boolean('Whether new rooms are listed', { default: true }),
  muc_room_default_members_only: boolean('Whether only members may enter new rooms', { default: false }),
  muc_room_default_allow_member_invites: boolean(
    'Whether members may invite others to new members-only rooms',
    {
      default: false,
    },
  ),
  muc_room_default_moderated: boolean('Whether visitors of new rooms need voice to speak', {
    default: false,
  }),
  muc_room_default_public_jids: boolean('Whether everybody in new rooms sees real addresses', {
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
    'Whether strangers may see who is in a room that is listed and open to everybody',
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
  muc_max_affiliations: integer('Most people whom one room remembers as owner, admin, member or banned', {
    default: 5_000,
    min: 1,
  }),
  muc_max_nick_length: integer('Longest nickname, in characters', { default: 128, min: 1, max: 1023 }),
};

export type MucOptions = typeof OPTIONS;
export type MucSettings = Infer<MucOptions>;
