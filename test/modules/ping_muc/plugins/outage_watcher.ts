// A module for the tests of the exports: gives them out.

import { defineCommand, defineModule } from 'enjamb/api';

export default defineModule({
  name: 'outage_watcher',
  summary: 'Gives out the exports of ping_muc',
  depends: ['ping_muc'],
  load(module) {
    const pingMuc = module.use('ping_muc');
    module.command(
      defineCommand({ name: 'watcher', summary: 'Its exports', args: {}, run: () => ({ data: pingMuc }) }),
    );
  },
});
