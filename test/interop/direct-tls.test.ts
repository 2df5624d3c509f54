// Links with real servers that use TLS from the first byte: the SRV records name nothing else (XEP-0368).

import { test } from 'node:test';
import { AWAY } from './support/addresses.ts';
import { VERONA } from './support-security/ejabberd.ts';
import { withEjabberd, withProsody } from './support-security/federation.ts';
import { EJABBERD_SAYS, PROSODY_SAYS, proveEachOther } from './support-security/proofs.ts';

test('XEP-0368, XEP-0178, XEP-0220: Prosody and enjamb authenticate each other over direct TLS', (t) =>
  proveEachOther(t, { domain: AWAY, says: PROSODY_SAYS, start: withProsody, by: 'direct TLS' }));

test('XEP-0368, XEP-0178, XEP-0220: ejabberd and enjamb authenticate each other over direct TLS', (t) =>
  proveEachOther(t, { domain: VERONA, says: EJABBERD_SAYS, start: withEjabberd, by: 'direct TLS' }));
