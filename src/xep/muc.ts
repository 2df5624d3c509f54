// What servers and clients read in the presence of rooms (XEP-0045).

import type { Element } from '../xml/element.ts';
import { NS } from '../xml/namespaces.ts';

/** Whether `<x xmlns='…muc#user'/>` holds a status code (§15.6.2). */
export function hasStatus(x: Element, code: string): boolean {
  return x.getChildren('status').some((status) => status.attrs.code === code);
}

/** Whether a room marks a presence as the receiver's own: status 110 (§7.2.2). */
export function isSelfPresence(presence: Element): boolean {
  const x = presence.getChild('x', NS.MUC_USER);
  return x !== undefined && hasStatus(x, '110');
}
