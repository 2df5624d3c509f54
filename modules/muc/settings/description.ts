import { type Setting, text } from './setting.ts';

/** What the room is for. */
export const description: Setting<string> = {
  field: 'muc#roomconfig_roomdesc',
  ...text('Short description of the room', 4096),
  initial: () => '',
};
