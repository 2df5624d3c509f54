import { type Setting, text } from './setting.ts';

/** The password, in force while `passwordProtected`. */
export const password: Setting<string> = {
  field: 'muc#roomconfig_roomsecret',
  ...text('Password', 1024),
  type: 'text-private',
  initial: () => '',
};
