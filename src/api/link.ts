// The link with one remote domain, as modules see it.

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
  /** The time of the next attempt; absent if none is planned. */
  readonly nextTry?: number | undefined;
  /** Why the last attempt failed, in words; absent unless the state is `down`. */
  readonly error?: string | undefined;
  /**
   * Tries to open the link until an authenticated stream is open, with or without stanzas to send. Does nothing while the
   * link is up, and for a service of this server. The returned function withdraws the want; so do `link-open` and the unload
   * of the module.
   *
   * The pauses between attempts grow from 15 s to 5 min. With `soon`, a pause is a fifth of the time since the first want:
   * 2 to 30 s in the first hour; after that its maximum grows to 5 min.
   */
  want(options?: { readonly soon: true }): () => void;
}
