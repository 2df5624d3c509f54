// A client program in a room, and what its user sees of it: the common interface.

import type { TestContext } from 'node:test';

export interface RoomProgram {
  /** Starts it: it logs in and joins. Resolves when it shows that it is in the room. */
  enter(room: string): Promise<void>;
  /** Sends a message to the room as its user does, without a click before. Resolves also where nothing is sent. */
  say(text: string): Promise<void>;
  /** All that it shows of the talk in the room, oldest first, each message as often as it shows it. */
  talk(): Promise<string>;
  /** The nicks that it lists as being in the room, its own too; `undefined`: it has no list. */
  people(): Promise<readonly string[] | undefined>;
  /** The messages that it has alerted its user to, as text; absent: it has no alerts, or they cannot be seen from outside. */
  alerts?(): Promise<string>;
  /** Its screen as text, or what it was told besides talk: for whoever writes the column "what the user sees". */
  screen(): Promise<string>;
  /** Stores a picture of its screen in its folder. @param name the file name without extension */
  picture?(name: string): Promise<void>;
  stop(): Promise<void>;
}

export interface Account {
  /** For the files of the program; it exists. */
  readonly folder: string;
  /** PEM of the authority that signed the certificate of the server. */
  readonly caPath: string;
  /** Bare. */
  readonly jid: string;
  readonly password: string;
  /** One word. */
  readonly nick: string;
  /** The URL of a WebSocket (RFC 7395). Port 5222 of `BETWEEN` leads to the server, too. */
  readonly webSocket: string;
}

export interface ProgramKind {
  /** Such as "Dino"; its first letters in lower case are the name of its account. */
  readonly name: string;
  readonly group: 'scripted' | 'interactive';
  /** False: it only listens. Default true. */
  readonly speaks?: boolean;
  version(): Promise<string>;
  /** It ends with the test. */
  make(t: TestContext, account: Account): Promise<RoomProgram>;
}
