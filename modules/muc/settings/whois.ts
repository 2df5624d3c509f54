import { choice, type Setting } from './setting.ts';

/** Who sees the real addresses of occupants (XEP-0045 §7.2.3, §7.2.4). */
export const whois: Setting<'anyone' | 'moderators'> = {
  field: 'muc#roomconfig_whois',
  ...choice('Who may see real addresses?', { moderators: 'Moderators only', anyone: 'Anyone' }),
  initial: (options) => (options.muc_room_default_public_jids ? 'anyone' : 'moderators'),
  // §10.2.1: the two codes tell what the room is now.
  notice: (value) => (value === 'anyone' ? '172' : '173'),
};
