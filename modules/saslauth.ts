// The SASL profile of RFC 6120 §6.

import { defineModule, type Element, NS, xml } from 'enjamb/api';
import { SaslError, type SaslProfile, type SaslRequest } from 'enjamb/api/stream';

/** Lets clients authenticate by `<auth/>`, `<challenge/>`, `<response/>` and `<success/>`, then restart the stream. */
export default defineModule({
  name: 'saslauth',
  summary: 'Authenticates clients by SASL',
  implements: ['RFC 6120'],
  enabledOn: ['local'],
  essential: true,

  load(module) {
    module.provide('sasl-profile', PROFILE);
  },
});

const PROFILE: SaslProfile = {
  xmlns: NS.SASL,
  elements: ['auth', 'response', 'abort'],

  /** §6.4.1 */
  feature({ mechanisms }) {
    if (mechanisms.length === 0) return undefined;
    return xml('mechanisms', NS.SASL, ...mechanisms.map((name) => xml('mechanism', {}, name)));
  },

  read(element): SaslRequest {
    if (element.name === 'abort') return { do: 'abort' };
    if (element.name === 'response') return { do: 'answer', data: decoded(element) };
    const start = { do: 'start', mechanism: element.attrs.mechanism ?? '' } as const;
    return isEmpty(element) ? start : { ...start, data: decoded(element) };
  },

  challenge: (data) => xml('challenge', NS.SASL, data.length === 0 ? undefined : data.toString('base64')),

  failure: (error) => error.toElement(),

  async proved(login) {
    login.restart(success(login.data));
  },
};

/** RFC 4648 §4, "without whitespace or other characters" between (RFC 6120 §13.9.1). */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Whether there is no initial response; one of zero length would be "=" (RFC 6120 §6.4.2). */
function isEmpty(element: Element): boolean {
  return element.elements().length === 0 && element.text() === '';
}

/** @throws SaslError 'malformed-request', 'incorrect-encoding' */
function decoded(element: Element): Buffer {
  if (element.elements().length > 0) throw new SaslError('malformed-request');
  const text = element.text();
  if (text === '=') return Buffer.alloc(0); // §6.4.2: data of zero length
  if (!BASE64.test(text)) throw new SaslError('incorrect-encoding');
  return Buffer.from(text, 'base64');
}

/** §6.4.6: additional data of zero length is not the same as none. */
function success(data: Buffer | undefined): Element {
  return xml('success', NS.SASL, data?.length === 0 ? '=' : data?.toString('base64'));
}
