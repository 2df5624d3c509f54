// What modules see of a link.

/**
 * A view of the link between this host and one remote domain, or a service of this server, which is a link without
 * streams. All times are in ms of `clock.elapsed`.
 */
export interface Link {
  /**
   * `up`: an authenticated stream with the remote is open, or the service runs. `down`: the last attempt failed, or the
   * service does not run. `unknown`: no attempt has been made since the last stream ended.
   */
  readonly state: 'up' | 'down' | 'unknown';
  /** When bytes last arrived on any authenticated stream of the link; `-Infinity`: never, or that is forgotten. */
  readonly lastReceivedAt: number;
  /** When the next attempt is planned; absent if none is. */
  readonly nextTry?: number | undefined;
  /** Why the last attempt failed, in words; absent unless the state is `down`. */
  readonly error?: string | undefined;
  /**
   * Tries to open the link until an authenticated stream is open, with or without stanzas to send. The pauses between
   * attempts grow from 15 s to 5 min. `soon`: a fifth of the time since the first want, 2 to 30 s, and after an hour growing
   * to 5 min. Does nothing while the link is up, and for a service of this server. The returned function withdraws the want; `link-open` and the unload of
   * the module do so too.
   */
  want(options?: { readonly soon: true }): () => void;
}
