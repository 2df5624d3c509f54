import { type Setting, text } from './setting.ts';

/** The language mostly spoken, as a language tag. */
export const language: Setting<string> = {
  field: 'muc#roomconfig_lang',
  ...text('Language of the room, such as en', 64),
  initial: (options) => options.muc_room_default_language,
};
