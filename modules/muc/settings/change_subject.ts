import { type Setting, yesOrNo } from './setting.ts';

/** Participants, not only moderators, may change the subject (XEP-0045 §8.1). */
export const changeSubject: Setting<boolean> = {
  field: 'muc#roomconfig_changesubject',
  ...yesOrNo('May participants change the subject?'),
  initial: (options) => options.muc_room_default_change_subject,
};
