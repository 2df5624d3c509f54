// What a SASL mechanism is to a stream (RFC 4422 §3): bytes in, one challenge or the end out.

export type SaslStep =
  | { readonly done: false; readonly challenge: Buffer }
  /** `user` is the prepared localpart; `data` the additional data with success (RFC 6120 §6.4.6). */
  | { readonly done: true; readonly user: string; readonly data?: Buffer };

/** The server side of one attempt at a mechanism in which the client speaks first. Not reusable. */
export interface SaslMechanism {
  readonly name: string;
  /**
   * Handles the client's next message, which may be empty.
   * @throws SaslError when the attempt is refused.
   */
  step(data: Buffer): Promise<SaslStep>;
}
