import { choice, type Setting } from './setting.ts';

/** Who may send private messages (XEP-0045 §7.5). */
export const allowPm: Setting<'anyone' | 'participants' | 'moderators' | 'none'> = {
  field: 'muc#roomconfig_allowpm',
  ...choice('Who may send private messages?', {
    anyone: 'Anyone',
    participants: 'Anyone with voice',
    moderators: 'Moderators only',
    none: 'Nobody',
  }),
  initial: () => 'anyone',
};
