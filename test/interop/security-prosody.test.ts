// Links with a real Prosody: by certificate and by dialback.

import { test } from 'node:test';
import { AWAY } from './support/addresses.ts';
import { withProsody } from './support-security/federation.ts';
import { PROSODY_SAYS, proveEachOther } from './support-security/proofs.ts';

test('RFC 6120 §13.7.2, XEP-0178, XEP-0220: Prosody and enjamb authenticate each other', (t) =>
  proveEachOther(t, { domain: AWAY, says: PROSODY_SAYS, start: withProsody }));
