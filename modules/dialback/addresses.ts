// The two domains that every dialback element names.

import { type Element, Jid, type Module, type S2SStream, StreamError, TokenBuckets } from 'enjamb/api';

export interface Addresses {
  readonly from: string;
  readonly to: string;
}

/**
 * The most elements with internationalized names from unauthenticated peers of one site. Preparing a long name takes a
 * millisecond (RFC 7622 §3.2), a thousand times as long as an ASCII name.
 */
const SLOW_NAMES = { size: 100, windowMs: 10_000, maxKeys: 10_000 };
/** Names whose preparation only converts them to lower case. */
const PLAIN = /^(?!.*xn--)[!-~]*$/i;

export class AddressReader {
  readonly #slow: TokenBuckets;

  constructor(module: Pick<Module, 'clock'>) {
    this.#slow = new TokenBuckets(module.clock, SLOW_NAMES);
  }

  /** @throws StreamError 'improper-addressing'; 'policy-violation' for too many internationalized names */
  read({ attrs }: Element, { authenticatedAt, remoteSite }: S2SStream): Addresses {
    const { from = '', to = '' } = attrs;
    const isSlow = authenticatedAt === undefined && !(PLAIN.test(from) && PLAIN.test(to));
    if (isSlow && this.#slow.reserve(remoteSite, 0) === undefined)
      throw new StreamError('policy-violation', 'Too many internationalized names before authentication');
    return { from: domainOf(from), to: domainOf(to) };
  }
}

/** Other parts of an address are refused before they are prepared. @throws StreamError 'improper-addressing' */
function domainOf(text: string): string {
  const jid = /[@/]/.test(text) ? undefined : Jid.tryParse(text);
  if (!jid?.isDomain) throw new StreamError('improper-addressing');
  return jid.domain;
}
