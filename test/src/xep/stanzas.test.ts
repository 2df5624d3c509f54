// Hints, pings, and requests for data that belongs to an account.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Hint, hasHint, isHint } from '../../../src/xep/hints.ts';
import { refuseStrangers } from '../../../src/xep/own-data.ts';
import { isPing, pingRequest } from '../../../src/xep/ping.ts';
import { parseElement } from '../../../src/xml/copy.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { Jid } from '../../../src/xml/jid.ts';

test('XEP-0334 §4: each hint, as slixmpp 1.8.3 writes it', () => {
  const hints: Hint[] = ['no-copy', 'no-permanent-store', 'no-store', 'store'];
  for (const hint of hints) {
    const message = parseElement(
      `<message to="romeo@montague.lit" id="0fde594c" xml:lang="en"><body>hi</body><${hint} xmlns="urn:xmpp:hints" /></message>`,
    );
    assert.deepEqual(
      hints.filter((name) => hasHint(message, name)),
      [hint],
    );
    assert.deepEqual(message.elements().map(isHint), [false, true]);
  }
});

test('ignores hints of another namespace, and in an error', () => {
  assert.equal(hasHint(parseElement("<message><no-store xmlns='urn:other'/></message>"), 'no-store'), false);
  assert.equal(hasHint(parseElement('<message><no-store/></message>'), 'no-store'), false);
  const error = parseElement("<message type='error'><no-store xmlns='urn:xmpp:hints'/></message>");
  assert.equal(hasHint(error, 'no-store'), false);
});

test('XEP-0199 §3: pings of slixmpp 1.8.3, aioxmpp 0.13.3 and our own', () => {
  const pings = [
    `<iq id="aede8895" type="get" to="capulet.lit"><ping xmlns="urn:xmpp:ping" /></iq>`,
    `<iq id="p1" to="capulet.lit" type="get"><ping xmlns="urn:xmpp:ping"/></iq>`,
    `${pingRequest({ id: '1', from: 'montague.lit', to: 'capulet.lit' })}`,
  ];
  for (const ping of pings) assert.equal(isPing(parseElement(ping)), true, ping);
  assert.equal(
    `${pingRequest({ from: 'montague.lit', to: 'capulet.lit' })}`,
    "<iq type='get' from='montague.lit' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>",
  );
});

test('an answer to a ping, an error that repeats it, and other requests are no pings', () => {
  const others = [
    "<iq type='result' id='1'/>",
    "<iq type='error' id='1'><ping xmlns='urn:xmpp:ping'/><error type='cancel'/></iq>",
    "<iq type='set' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<iq type='get' id='1'><ping/></iq>",
    "<message type='get'><ping xmlns='urn:xmpp:ping'/></message>",
  ];
  for (const other of others) assert.equal(isPing(parseElement(other)), false, other);
});

test('RFC 6121 §2.1.5, XEP-0049 §2: requests of others for data of an account are refused', () => {
  const romeo = Jid.parse('romeo@montague.lit/orchard');
  const account = romeo.toBare();
  const tybalt = Jid.parse('tybalt@capulet.lit/square');
  const stanza = (type: string, inside = "<query xmlns='jabber:iq:private'/>") =>
    parseElement(`<iq type='${type}' id='1'>${inside}</iq>`);
  const passes = (type: string, from: Jid, inside?: string) =>
    refuseStrangers({ stanza: stanza(type, inside), from, to: account }, 'jabber:iq:private');
  for (const type of ['get', 'set']) {
    assert.throws(
      () => passes(type, tybalt),
      (error) => error instanceof StanzaError && error.condition === 'forbidden',
    );
    passes(type, romeo);
    passes(type, tybalt, "<query xmlns='jabber:iq:roster'/>");
  }
  passes('result', tybalt);
  passes('error', tybalt);
});
