import { type Setting, yesOrNo } from './setting.ts';

/** Whoever enters must know the password (XEP-0045 §7.2.5). */
export const passwordProtected: Setting<boolean> = {
  field: 'muc#roomconfig_passwordprotectedroom',
  ...yesOrNo('Is a password needed to enter?'),
  initial: () => false,
};
