// Links with a real ejabberd: by certificate and by dialback.

import { test } from 'node:test';
import { VERONA } from './support-security/ejabberd.ts';
import { withEjabberd } from './support-security/federation.ts';
import { proveEachOther, type Says } from './support-security/proofs.ts';

const SAYS: Says = {
  EXTERNAL: [
    /Accepted inbound s2s EXTERNAL authentication montague\.example -> verona\.example/,
    /Accepted outbound s2s EXTERNAL authentication verona\.example -> montague\.example/,
  ],
  dialback: [
    /Accepted inbound s2s dialback authentication montague\.example -> verona\.example/,
    /Accepted outbound s2s dialback authentication verona\.example -> montague\.example/,
  ],
};

test('RFC 6120 §13.7.2, XEP-0178, XEP-0220: ejabberd and enjamb prove themselves to each other', (t) =>
  proveEachOther(t, { domain: VERONA, says: SAYS, start: withEjabberd }));
