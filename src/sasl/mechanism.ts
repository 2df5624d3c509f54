// The interface between a stream and a SASL mechanism (RFC 4422 §3).

/** Channel-binding type (`tls-exporter`, `tls-unique`, `tls-server-end-point`) → its data for this connection (RFC 5056). */
export type ChannelBindings = ReadonlyMap<string, Buffer>;

/** The facts of a connection that decide which mechanisms are possible. */
export interface SaslConnection {
  /** Empty without TLS, and where TLS ends before this server. */
  readonly bindings: ChannelBindings;
  /** The client's data cannot be read on the way. */
  readonly secure: boolean;
}

/** What one stream offers to its client: a value, made when the features are announced. */
export interface SaslOffer extends SaslConnection {
  /** Names of the listed mechanisms, best first (RFC 6120 §6.3.3). */
  readonly mechanisms: readonly string[];
}

export type SaslStep =
  | { readonly done: false; readonly challenge: Buffer }
  /** `user` is the prepared localpart; `data` the additional data with success (RFC 6120 §6.4.6). */
  | { readonly done: true; readonly user: string; readonly data?: Buffer };

/** The server side of one attempt at a mechanism in which the client speaks first. Not reusable. */
export interface SaslMechanism {
  readonly name: string;
  /**
   * Returns the user that the client's first message names: the prepared localpart, or the empty text for a name that no
   * account can have. Looks nothing up. A mechanism without it is not subject to the limits on failed logins.
   * @throws SaslError for a message that is refused for every user.
   */
  userOf?(initial: Buffer): string;
  /**
   * Handles the client's next message, which may be empty.
   * @throws SaslError when the attempt is refused.
   */
  step(data: Buffer): Promise<SaslStep>;
}
