// A test module that exposes the exports of ping_muc.

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
