import { type Setting, text } from './setting.ts';

/** What people call the room. */
export const name: Setting<string> = {
  field: 'muc#roomconfig_roomname',
  ...text('Name of the room', 256),
  initial: () => '',
};
