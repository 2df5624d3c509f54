// A module for the tests of the room API: the time between two messages of a user (XEP-0500).

import { defineModule, StanzaError } from 'enjamb/api';

const FIELD = 'muc#roomconfig_slow_mode_duration';
const MOST_SECONDS = 86_400;

export default defineModule({
  name: 'slow_mode',
  summary: 'Slow mode in rooms',
  implements: ['XEP-0500'],
  scope: 'component',

  load(module) {
    /** The time of each user's last message, by room. */
    const spoken = new WeakMap<object, Map<string, number>>();
    const seconds = {
      name: 'slow_mode',
      field: FIELD,
      label: 'Seconds between messages',
      type: 'text-single',
    } as const;
    module.provide('muc-setting', { ...seconds, initial: 0, read: wholeSeconds });
    module.provide('muc-info', ({ config }) => [
      { var: FIELD, type: 'text-single', label: seconds.label, values: [`${config.extra.slow_mode ?? 0}`] },
    ]);

    module.hook('muc-say', ({ room, client, occupant, stanza, kind }) => {
      const waitMs = 1_000 * Number(room.config.extra.slow_mode ?? 0);
      if (waitMs === 0 || kind !== 'message' || !stanza.getChild('body')) return;
      if (occupant?.role === 'moderator') return;
      const times = spoken.get(room) ?? new Map<string, number>();
      const restMs = (times.get(client.bare) ?? Number.NEGATIVE_INFINITY) + waitMs - module.clock.elapsed();
      if (restMs > 0)
        throw new StanzaError('policy-violation', {
          type: 'wait',
          text: `Wait ${Math.ceil(restMs / 1_000)} s`,
        });
      spoken.set(room, times.set(client.bare, module.clock.elapsed()));
    });
  },
});

function wholeSeconds(value: string): number {
  if (/^\d{1,5}$/.test(value) && Number(value) <= MOST_SECONDS) return Number(value);
  throw new StanzaError('not-acceptable', { text: `Seconds from 0 to ${MOST_SECONDS}` });
}
