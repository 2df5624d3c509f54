import { removeStrangers } from '../leave.ts';
import { type Setting, yesOrNo } from './setting.ts';

/** Only members may be in the room (XEP-0045 §7.2.6). */
export const membersOnly: Setting<boolean> = {
  field: 'muc#roomconfig_membersonly',
  ...yesOrNo('Only let members in?'),
  initial: (options) => options.muc_room_default_members_only,
  // §10.2: those who are in and are no members go, with 322.
  effect: removeStrangers,
};
