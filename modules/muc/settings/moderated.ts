import { type Setting, yesOrNo } from './setting.ts';

/** Whoever is no member enters without voice (XEP-0045 §5.1.2). */
export const moderated: Setting<boolean> = {
  field: 'muc#roomconfig_moderatedroom',
  ...yesOrNo('Do strangers need leave to speak?'),
  initial: (options) => options.muc_room_default_moderated,
};
