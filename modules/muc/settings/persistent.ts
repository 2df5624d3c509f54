import { closeIfDone } from '../rooms.ts';
import { type Setting, yesOrNo } from './setting.ts';

/** The room stays when the last occupant has left, and over a restart (XEP-0045 §4.2). */
export const persistent: Setting<boolean> = {
  field: 'muc#roomconfig_persistentroom',
  ...yesOrNo('Keep the room when nobody is in it?'),
  initial: (options) => options.muc_room_default_persistent,
  // An owner who is not in the room may have made an empty one temporary.
  effect: closeIfDone,
};
