// The occupant with whom all programs are compared: a user of the server with the room.

import assert from 'node:assert/strict';
import { NS } from '../../../../src/xml/index.ts';
import { statusCodes } from '../../support/room.ts';
import type { RoomClient } from '../support/room-clients.ts';

export class Observer {
  readonly client: RoomClient;
  readonly room: string;
  /** Its stanzas before its last join do not count. */
  #since = 0;
  /** In ms since 1970. */
  #arrivedAt = 0;

  constructor(client: RoomClient, room: string) {
    this.client = client;
    this.room = room;
  }

  /** Joins, and makes the room with the default settings if there is none (XEP-0045 §10.1.2). */
  async arrive(): Promise<void> {
    this.#since = this.client.stanzas.length;
    await arrive(this.client, this.room);
    this.#arrivedAt = Date.now();
  }

  /** Resolves when it has heard itself. */
  async say(text: string): Promise<void> {
    this.client.say(this.room, text);
    await this.client.hears(this.room, text);
  }

  heard(text: string): boolean {
    return this.client.texts(this.room).includes(text);
  }

  /** The nicks in the room. */
  get people(): string[] {
    return [...this.#cameAt().keys()];
  }

  /** How long after that moment (ms since 1970) an occupant came who is in the room now; `undefined`: it has not seen that. */
  secondsUntil(nick: string, since: number): number | undefined {
    const at = this.#cameAt().get(nick);
    const isUnseen = at === undefined || (at <= this.#arrivedAt && since < this.#arrivedAt);
    return isUnseen ? undefined : Math.max(0, Math.round((at - since) / 1_000));
  }

  #cameAt(): Map<string, number> {
    const came = new Map<string, number>();
    for (const { at, element } of this.client.stanzas.slice(this.#since)) {
      const [room, nick = ''] = element.attrs.from?.split('/') ?? [];
      if (!element.is('presence') || room !== this.room || nick === '') continue;
      if (element.attrs.type === 'unavailable') came.delete(nick);
      else if (element.attrs.type === undefined && !came.has(nick)) came.set(nick, at);
    }
    return came;
  }
}

/** Joins, and makes the room with the default settings if there is none (XEP-0045 §10.1.2). */
export async function arrive(client: RoomClient, room: string): Promise<void> {
  const since = client.stanzas.length;
  client.send('presence', { to: `${room}/${client.nick}` }, [
    ['x', { xmlns: NS.MUC }, [['history', { maxstanzas: '0' }]]],
  ]);
  const own = await client.stanza(`the join of ${room}`, (it) => statusCodes(it).includes('110'), since);
  if (!statusCodes(own).includes('201')) return;
  const id = `make-${since}`;
  client.send('iq', { type: 'set', id, to: room }, [
    ['query', { xmlns: NS.MUC_OWNER }, [['x', { xmlns: NS.DATA_FORMS, type: 'submit' }]]],
  ]);
  const { attrs } = await client.stanza('the answer to the settings', (it) => it.attrs.id === id, since);
  assert.equal(attrs.type, 'result', `${client.jid} makes ${room}`);
}
