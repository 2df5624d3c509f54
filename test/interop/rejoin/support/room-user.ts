// Somebody in a room, at some client program, in the words that all such programs share.

export interface RoomUser {
  /** Such as "Gajim". */
  readonly program: string;
  /** Bare. */
  readonly jid: string;
  readonly nick: string;
  /** Starts the program, which logs in and joins. Resolves when it shows that it is in the room. */
  enter(room: string): Promise<void>;
  /** How many times the program shows this, said by anybody in the room. */
  shown(text: string): Promise<number>;
  /** Says something in the room, as its user does: nothing is clicked before. */
  say(text: string): Promise<void>;
  /** Keeps what is on its screen, for people. @param name of the file, without its ending */
  picture(name: string): Promise<void>;
}

export interface RoomUserOptions {
  /** Of its own; it is made. */
  readonly folder: string;
  readonly caPath: string;
  readonly jid: string;
  readonly password: string;
  readonly nick: string;
}
