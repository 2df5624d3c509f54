import { trimHistory } from '../history.ts';
import { count, type Setting } from './setting.ts';

/** How many messages the room keeps for those who enter (XEP-0045 §7.2.13). */
export const historyLength: Setting<number> = {
  field: 'muc#maxhistoryfetch',
  ...count('Messages kept for those who enter', (options) => options.max_history_messages),
  initial: (options) => Math.min(options.muc_room_default_history_length, options.max_history_messages),
  effect: trimHistory,
};
