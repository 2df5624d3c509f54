// Whose stamp a `delay` or a `stanza-id` is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isStampOf } from '../../../src/xep/stamps.ts';
import { parseXml } from '../../support/match.ts';

const ROOM = 'true@rooms.example';

for (const [text, expected] of [
  [`<delay xmlns='urn:xmpp:delay' from='true@rooms.example'/>`, true],
  [`<delay xmlns='urn:xmpp:delay' from='True@rooms.example'/>`, true],
  [`<delay xmlns='urn:xmpp:delay' from='true@ROOMS.example.'/>`, true],
  [`<delay xmlns='urn:xmpp:delay' from='true@rooms。example'/>`, true],
  [`<delay xmlns='urn:xmpp:delay' from='true@rooms.example/nick'/>`, false],
  [`<delay xmlns='urn:xmpp:delay' from='other@rooms.example'/>`, false],
  [`<delay xmlns='urn:xmpp:delay' from='@@'/>`, false],
  [`<delay xmlns='urn:xmpp:delay'/>`, false],
  [`<stanza-id xmlns='urn:xmpp:sid:0' by='true@rooms.example' id='1'/>`, true],
  [`<stanza-id xmlns='urn:xmpp:sid:0' by='true@ROOMS.example' id='1'/>`, true],
  [`<stanza-id xmlns='urn:xmpp:sid:0' by='other@rooms.example' id='1'/>`, false],
  [`<origin-id xmlns='urn:xmpp:sid:0' by='true@rooms.example' id='1'/>`, false],
] as const) {
  test(`XEP-0203 §4, XEP-0359 §3.1: ${text} ${expected ? 'is' : 'is not'} a stamp of ${ROOM}`, () => {
    assert.equal(isStampOf(parseXml(text), ROOM), expected);
  });
}
