// Between whom: every element of dialback names two domains.

import { type Element, Jid, StreamError } from 'enjamb/api';

export interface Addresses {
  readonly from: string;
  readonly to: string;
}

/** @throws StreamError 'improper-addressing' */
export function addressesOf(element: Element): Addresses {
  const from = Jid.tryParse(element.attrs.from);
  const to = Jid.tryParse(element.attrs.to);
  if (!from?.isDomain || !to?.isDomain) throw new StreamError('improper-addressing');
  return { from: from.domain, to: to.domain };
}
