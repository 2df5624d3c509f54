import { type Setting, yesOrNo } from './setting.ts';

/** The room is in the service's list (XEP-0045 §6.3). */
export const listed: Setting<boolean> = {
  field: 'muc#roomconfig_publicroom',
  ...yesOrNo('List the room publicly?'),
  initial: (options) => options.muc_room_default_public,
};
