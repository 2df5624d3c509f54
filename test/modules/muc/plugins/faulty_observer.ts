// A module for the tests of the room API: it fails at each event that it hears.

import { defineModule } from 'enjamb/api';

export default defineModule({
  name: 'faulty_observer',
  summary: 'Fails at all that happens in rooms',
  scope: 'component',
  depends: ['muc'],
  before: ['room_observer'],

  load(module) {
    const fail = (): never => {
      throw new Error('a fault of the observer');
    };
    for (const event of ['muc-said', 'muc-entered', 'muc-departed', 'muc-affiliation', 'muc-room'] as const) {
      module.observe(event, fail);
    }
    module.observe('muc-enter', fail);
    module.observe('muc-say', fail);
  },
});
