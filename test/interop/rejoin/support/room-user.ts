// A user in a room, with any client program: the common interface.

export interface RoomUser {
  /** Such as "Gajim". */
  readonly program: string;
  /** Bare. */
  readonly jid: string;
  readonly nick: string;
  /** Starts the program, which logs in and joins. Resolves when it shows that it is in the room. */
  enter(room: string): Promise<void>;
  /** The number of times that the program shows this message of the room. */
  shown(text: string): Promise<number>;
  /** Sends a message to the room as its user does, without a click before. */
  say(text: string): Promise<void>;
  /** Stores a picture of its screen. @param name the file name without extension */
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
