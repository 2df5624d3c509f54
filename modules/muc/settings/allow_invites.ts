import { type Setting, yesOrNo } from './setting.ts';

/** In a members-only room, members may invite others, who become members by that (XEP-0045 §9.5). */
export const allowInvites: Setting<boolean> = {
  field: 'muc#roomconfig_allowinvites',
  ...yesOrNo('May members invite others to a members-only room?'),
  initial: (options) => options.muc_room_default_allow_member_invites,
};
