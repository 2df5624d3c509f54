// Data that only the account itself may read and write.

import type { Stanza } from '../xml/element.ts';
import { StanzaError } from '../xml/errors.ts';
import type { Jid } from '../xml/jid.ts';

interface Request {
  readonly stanza: Stanza;
  readonly from: Jid;
  readonly to: Jid;
}

/**
 * Refuses others a request for data of an account (RFC 6121 §2.1.5, XEP-0049 §2, XEP-0313 §7.1). For a `guard` of `iq/bare`,
 * so that the refusal is the same whether the account exists or not.
 * @param name of the one child of the request
 * @throws StanzaError 'forbidden'
 */
export function refuseStrangers({ stanza, from, to }: Request, xmlns: string, name = 'query'): void {
  const { type } = stanza.attrs;
  if ((type !== 'get' && type !== 'set') || from.bare === to.bare) return;
  if (stanza.getChild(name, xmlns)) throw new StanzaError('forbidden');
}
