// Links with a real ejabberd: by certificate and by dialback.

import { test } from 'node:test';
import { VERONA } from './support-security/ejabberd.ts';
import { withEjabberd } from './support-security/federation.ts';
import { EJABBERD_SAYS, proveEachOther } from './support-security/proofs.ts';

test('RFC 6120 §13.7.2, XEP-0178, XEP-0220: ejabberd and enjamb authenticate each other', (t) =>
  proveEachOther(t, { domain: VERONA, says: EJABBERD_SAYS, start: withEjabberd }));
