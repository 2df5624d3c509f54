// Attempts to make a link with a remote that is down.

import { streams } from 'enjamb/api/stream';
import type { Context } from './context.ts';

/** Tries again and again, until the returned function is called. `up`: there is a link, after a time without one. */
export function scout(remote: string, context: Context, up: () => void): () => void {
  const { module, after, settings } = context;
  if (module.local(remote) !== undefined) return () => {};
  let timer = after(settings.scout, attempt);
  let isOver = false;
  let wasUp = false;
  function attempt(): void {
    module.spawn(
      streams(module)
        .connectRemote(remote)
        .then(
          () => settle(true),
          () => settle(false),
        ),
    );
  }
  function settle(isUp: boolean): void {
    if (isOver) return;
    timer = after(settings.scout, attempt);
    if (isUp && !wasUp) up();
    wasUp = isUp;
  }
  return () => {
    isOver = true;
    timer.cancel();
  };
}
