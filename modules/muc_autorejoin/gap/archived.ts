// An archived message as the room would have sent it (XEP-0313 §5.1, XEP-0045 §7.2.13).

import { type Element, Jid, NS, xml } from 'enjamb/api';
import { delayBy, isStampOf, parseDateTime } from 'enjamb/xep';
import type { HeldMessage } from '../answer/held.ts';
import { keptMark, markOf } from '../memory/ring.ts';

export type Archived = HeldMessage;

/** Reads a result of a walk. `undefined` for messages that rooms do not send to new occupants, or of another room. */
export function unwrap(result: Element, room: string, seed: number): Archived | undefined {
  const forwarded = result.getChild('forwarded', NS.FORWARD);
  const message = forwarded?.elements().find((child) => child.name === 'message');
  const stamp = forwarded?.getChild('delay', NS.DELAY)?.attrs.stamp;
  const at = stamp === undefined ? undefined : parseDateTime(stamp);
  const from = Jid.tryParse(message?.attrs.from);
  if (!message || at === undefined || from?.bare !== room || message.attrs.type !== 'groupchat')
    return undefined;
  const isSubject = find(message, 'subject') !== undefined && find(message, 'body') === undefined;
  if (isSubject || from.resource === undefined) return undefined;
  const { id } = result.attrs;
  const stanzaId = id === undefined ? undefined : xml('stanza-id', { xmlns: NS.STANZA_ID, by: room, id });
  const kept = message.children.filter((child) => typeof child === 'string' || !isOfRoom(child, room));
  const children = stanzaId === undefined ? kept : [...kept, stanzaId];
  const attrs = { type: 'groupchat', id: message.attrs.id, from: `${from}` };
  const stanza = xml('message', attrs).withChildren([...children.map(inContent), delayBy(room, at)]);
  return { flat: stanza.flattened, mark: keptMark(markOf(room, from.resource, stanza, seed)) };
}

/** Whether the room has added this child; it is added again or left out. */
function isOfRoom(child: Element, room: string): boolean {
  if (child.is('x', NS.MUC_USER)) return true;
  return (child.name === 'stanza-id' || child.name === 'delay') && isStampOf(child, room);
}

/** Removes the namespace of the stream, which archives declare and stanzas do not. */
function inContent(child: Element | string): Element | string {
  if (typeof child === 'string' || child.attrs.xmlns !== NS.CLIENT) return child;
  return child.with({ xmlns: undefined });
}

function find(message: Element, name: string): Element | undefined {
  return message.elements().find((child) => child.name === name);
}
