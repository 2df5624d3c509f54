// A program made with slixmpp, such as a bot, with the default behaviour of slixmpp.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SlixmppClient } from '../../support/slixmpp.ts';
import { homeLogin } from '../../support/world.ts';
import type { RoomUser, RoomUserOptions } from './room-user.ts';

export class SlixmppRoomUser implements RoomUser {
  readonly program = 'slixmpp';
  readonly jid: string;
  readonly nick: string;
  readonly #client: SlixmppClient;
  readonly #options: RoomUserOptions;
  #room = '';

  constructor(client: SlixmppClient, options: RoomUserOptions) {
    this.#client = client;
    this.#options = options;
    this.jid = options.jid;
    this.nick = options.nick;
  }

  async enter(room: string): Promise<void> {
    this.#room = room;
    await this.#client.login(homeLogin(this.jid.replace(/@.*/, '')));
    await this.#client.join(room, this.nick);
  }

  async talk(): Promise<string> {
    return this.#client.stanzas.map(({ element }) => element.getChildText('body') ?? '').join('\n');
  }

  async people(): Promise<undefined> {}

  async screen(): Promise<string> {
    return this.#client.stanzas.map(({ element }) => `${element}`).join('\n');
  }

  async stop(): Promise<void> {}

  async say(text: string): Promise<void> {
    this.#client.send(this.#room, text, 'groupchat');
  }

  async picture(name: string): Promise<void> {
    await writeFile(join(this.#options.folder, `${name}.txt`), await this.screen());
  }
}
