// Replies to a stanza, from the address that it was sent to.

import { type Element, xml } from '../../../src/xml/element.ts';
import {
  errorReply,
  type StanzaCondition,
  StanzaError,
  type StanzaErrorDetails,
} from '../../../src/xml/errors.ts';

export function result(request: Element, ...payload: Element[]): Element {
  const { id, from, to } = request.attrs;
  return xml('iq', { type: 'result', id, from: to, to: from }, ...payload);
}

export function failure(
  request: Element,
  condition: StanzaCondition,
  details: StanzaErrorDetails = {},
): Element {
  return errorReply(request, new StanzaError(condition, details))!;
}

export function splitAddress(address = ''): [room: string, nick: string] {
  const slash = address.indexOf('/');
  return slash < 0 ? [address, ''] : [address.slice(0, slash), address.slice(slash + 1)];
}

export function accountOf(full = ''): string {
  return splitAddress(full)[0];
}
