import { count, type Setting, unacceptable } from './setting.ts';

const LABEL = 'Most occupants';
const bounded = count(LABEL, (options) => options.muc_max_occupants);

/** How many clients may be in the room (XEP-0045 §7.2.9); 0: as many as the service allows. */
export const maxOccupants: Setting<number> = {
  ...bounded,
  field: 'muc#roomconfig_maxusers',
  type: 'list-single',
  choices: {
    none: 'No limit',
    '10': '10',
    '20': '20',
    '50': '50',
    '100': '100',
    '500': '500',
    '1000': '1000',
  },
  initial: () => 0,
  read(value, options) {
    if (value === 'none') return 0;
    const most = bounded.read(value, options);
    if (most === 0) throw unacceptable(LABEL);
    return most;
  },
  write: (value) => (value === 0 ? 'none' : String(value)),
};
