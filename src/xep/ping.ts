// Pings (XEP-0199).

import { type Attrs, type Stanza, xml } from '../xml/element.ts';
import { NS } from '../xml/namespaces.ts';

/** Builds a ping. `askIq` and `sendIq` give it an id. */
export function pingRequest(attrs: Attrs): Stanza {
  return xml('iq', { type: 'get', ...attrs }, xml('ping', NS.PING));
}

/** Whether a stanza is a ping: a request, not the error that may repeat it. */
export function isPing(stanza: Stanza): boolean {
  return (
    stanza.name === 'iq' && stanza.attrs.type === 'get' && stanza.getChild('ping', NS.PING) !== undefined
  );
}
