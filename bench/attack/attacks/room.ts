// Creates and uses rooms as an attacker.

import type { Wire } from '../wire.ts';
import { ROOMS } from '../world.ts';

/** The bare address of a room. */
export function roomJid(name: string): string {
  return `${name}@${ROOMS}`;
}

export function join(name: string, { from = '', nick = 'n', payload = '' } = {}): string {
  const sender = from === '' ? '' : ` from='${from}'`;
  return `<presence${sender} to='${roomJid(name)}/${nick}'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>${payload}</presence>`;
}

/** Unlocks a new room with the default configuration (XEP-0045 §10.1.2). */
export function unlock(name: string, from = ''): string {
  const sender = from === '' ? '' : ` from='${from}'`;
  return `<iq type='set' id='u'${sender} to='${roomJid(name)}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`;
}

/** Unlocks a new room as a persistent one, which is written to the disk (§10.1.3). */
export function persist(name: string): string {
  const fields =
    `<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>` +
    `<field var='muc#roomconfig_persistentroom'><value>1</value></field>`;
  return `<iq type='set' id='u' to='${roomJid(name)}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>${fields}</x></query></iq>`;
}

/** Creates rooms with one occupant, and waits until they exist. */
export async function makeRooms(wire: Wire, names: readonly string[]): Promise<void> {
  for (const name of names) await wire.send(join(name), unlock(name));
  await settle(wire);
}

let count = 0;

/** Waits until the server has handled all previous requests, at most a minute, since it may be under attack. */
export async function settle(wire: Wire): Promise<void> {
  const id = `settle${count++}`;
  await wire.send(`<iq type='get' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await wire.until(new RegExp(`id=['"]${id}['"]`), 60_000);
}

/** Small elements, which cost parsers and trees the most for each byte. */
export function hollow(elements: number): Buffer {
  return Buffer.from('<a/>'.repeat(elements));
}
