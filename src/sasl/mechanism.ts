// What a SASL mechanism is to a stream (RFC 4422 §3): bytes in, one challenge or the end out.

export type SaslStep =
  | { readonly done: false; readonly challenge: Buffer }
  /** `user` is the prepared localpart; `data` the additional data with success (RFC 6120 §6.4.6). */
  | { readonly done: true; readonly user: string; readonly data?: Buffer };

/** The server side of one attempt. Not reusable: a failed or finished one is thrown away. */
export interface SaslMechanism {
  readonly name: string;
  /**
   * Takes the initial response or a response. Without an initial response the first call gets an empty buffer.
   * @throws SaslError when the attempt is refused.
   */
  step(data: Buffer): Promise<SaslStep>;
}
