// Links with a real Prosody: by certificate and by dialback.

import { test } from 'node:test';
import { AWAY } from './support/addresses.ts';
import { withProsody } from './support-security/federation.ts';
import { proveEachOther, type Says } from './support-security/proofs.ts';

const SAYS: Says = {
  EXTERNAL: [
    /Accepting SASL EXTERNAL identity from montague\.example/,
    /SASL EXTERNAL with montague\.example succeeded/,
  ],
  dialback: [
    /asking montague\.example if key \w+ belongs to them/,
    /sent dialback key on outgoing s2s stream/,
  ],
};

test('RFC 6120 §13.7.2, XEP-0178, XEP-0220: Prosody and enjamb prove themselves to each other', (t) =>
  proveEachOther(t, { domain: AWAY, says: SAYS, start: withProsody }));
