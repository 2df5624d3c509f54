// The SASL mechanisms that one stream offers. They are fixed when the features are sent: loading or unloading a module does
// not change them.

import type { SaslMechanism, SaslMechanisms, SaslOffer, SaslRequest } from '../api/login.ts';
import type { LocalHost } from '../core/host.ts';
import type { ClientStream } from '../stream/client-stream.ts';
import { SaslError } from '../xml/errors.ts';
import { channelBindings } from './channel-binding.ts';
import type { C2SSession } from './session.ts';

type StartRequest = Extract<SaslRequest, { do: 'start' }>;

export interface OfferedMechanisms {
  readonly offer: SaslOffer;
  /** Begins an attempt. @throws SaslError 'invalid-mechanism' */
  create(request: StartRequest, session: C2SSession): SaslMechanism;
}

export function offerMechanisms(host: LocalHost, stream: ClientStream): OfferedMechanisms {
  const connection = { bindings: channelBindings(stream.tls), secure: stream.secure };
  const listed = new Map<string, SaslMechanisms>();
  const unlisted = new Map<string, SaslMechanisms>();
  for (const source of host.items.get('sasl-mechanism')) {
    const known = source.listed ? listed : unlisted;
    for (const name of source.names(connection)) if (!known.has(name)) known.set(name, source);
  }
  const offer = { ...connection, mechanisms: [...listed.keys()] };
  return {
    offer,
    create({ mechanism, unlisted: isUnlistedAllowed = false }, session) {
      const source = listed.get(mechanism) ?? (isUnlistedAllowed ? unlisted.get(mechanism) : undefined);
      if (source === undefined) throw new SaslError('invalid-mechanism'); // RFC 6120 §6.5.7
      return source.create(mechanism, { session, offer });
    },
  };
}
