// XEP-0313 §5.1.1, XEP-0334: what is archived because of its content, and what of it.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ARCHIVE_FLAGS } from '../../../src/storage/archive.ts';
import { parseElement } from '../../../src/xml/copy.ts';
import type { Stanza } from '../../../src/xml/element.ts';
import { becomeAvailable } from '../../support/contacts.ts';
import { assertXml } from '../../support/match.ts';
import { archiveOf, waitingFor } from '../../support/waiting.ts';
import {
  arrives,
  BALCONY,
  BODY,
  done,
  HINTS,
  JULIET,
  ORCHARD,
  ROMEO,
  rowsOf,
  shortRows,
  stage,
} from './stage.ts';

const COMPOSING = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
const hint = (name: string) => `<${name} xmlns='${HINTS}'/>`;

/** The children of Juliet's row after Romeo has sent this; `undefined`: no row, for neither of them. */
async function archived(t: TestContext, content: string): Promise<string | undefined> {
  const there = await stage(t);
  await becomeAvailable(there.juliet);
  there.romeo.send(`<message type='chat' to='${JULIET}'>${content}</message>`);
  await done(there, there.romeo);
  const [sent] = await shortRows(there, ROMEO);
  const [received] = await shortRows(there, JULIET);
  assert.equal(
    sent?.replace('sent juliet@capulet.lit ', ''),
    received?.replace('received romeo@montague.lit ', ''),
  );
  return received?.replace('received romeo@montague.lit ', '');
}

for (const name of ['no-store', 'no-permanent-store']) {
  test(`C1, C2: what its sender marks with ${name} is not archived`, async (t) => {
    assert.equal(await archived(t, BODY + hint(name)), undefined);
  });
}

test('C2: what is marked with no-permanent-store waits in a hidden row', async (t) => {
  const there = await stage(t);
  there.romeo.send(`<message type='chat' to='${JULIET}'>${BODY}${hint('no-permanent-store')}</message>`);
  await done(there, there.romeo);
  assert.deepEqual(await rowsOf(there, JULIET), []);
  assert.equal(await waitingFor(archiveOf(there.server.server), 'juliet'), 1);
});

test('C3: what its sender marks with store is archived', async (t) => {
  assert.equal(await archived(t, `<x xmlns='urn:example:x'/>${hint('store')}`), 'x store');
});

for (const content of ['<body/>', '<body>Hi</body>', '<subject>Hi</subject>']) {
  test(`C4: ${content} is archived`, async (t) => {
    assert.equal(await archived(t, content), content.includes('body') ? 'body' : 'subject');
  });
}

test('C4: a body that declares the namespace of the stream is archived', async (t) => {
  const there = await stage(t);
  await arrives(
    there,
    `<message type='chat' from='${ROMEO}' to='${BALCONY}'><body xmlns='jabber:client'>Hi</body></message>`,
  );
  assert.equal((await rowsOf(there, JULIET)).length, 1);
});

test('C4: a body of another namespace is none', async (t) => {
  assert.equal(await archived(t, "<body xmlns='urn:example:x'>Hi</body>"), undefined);
});

for (const [what, content] of [
  ['a retraction (XEP-0424)', "<retract xmlns='urn:xmpp:message-retract:1' id='m'/>"],
  [
    'an old retraction (XEP-0424)',
    "<apply-to xmlns='urn:xmpp:fasten:0' id='m'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>",
  ],
  ['a reaction (XEP-0444)', "<reactions xmlns='urn:xmpp:reactions:0' id='m'/>"],
  ['a correction (XEP-0308)', "<replace xmlns='urn:xmpp:message-correct:0' id='m'/>"],
  ['a receipt (XEP-0184)', "<received xmlns='urn:xmpp:receipts' id='m'/>"],
  ...['received', 'displayed', 'acknowledged'].map(
    (name) => [`a marker, ${name} (XEP-0333)`, `<${name} xmlns='urn:xmpp:chat-markers:0' id='m'/>`] as const,
  ),
  ['an invitation (XEP-0249)', "<x xmlns='jabber:x:conference' jid='room@rooms.lit'/>"],
  ['a mediated invitation (XEP-0045 §7.8.2)', "<x xmlns='http://jabber.org/protocol/muc#user'><invite/></x>"],
  ['the proposal of a call (XEP-0353)', "<propose xmlns='urn:xmpp:jingle-message:0' id='c'/>"],
  ['an invitation to a call (XEP-0482)', "<invite xmlns='urn:xmpp:call-invites:0'/>"],
  ['a file (XEP-0447)', "<file-sharing xmlns='urn:xmpp:sfs:0'/>"],
  ['an address (XEP-0066)', "<x xmlns='jabber:x:oob'><url>https://example.org</url></x>"],
] as const) {
  test(`C5: ${what} is archived`, async (t) => {
    assert.equal(await archived(t, content), /<([\w-]+)/.exec(content)?.[1]);
  });
}

for (const [what, content] of [
  ['XEP-0380', "<encryption xmlns='urn:xmpp:eme:0' namespace='x'/>"],
  ['XEP-0384 0.3', "<encrypted xmlns='eu.siacs.conversations.axolotl'/>"],
  ['XEP-0384 0.7', "<encrypted xmlns='urn:xmpp:omemo:1'/>"],
  ['XEP-0384 0.8', "<encrypted xmlns='urn:xmpp:omemo:2'/>"],
  ['XEP-0373', "<openpgp xmlns='urn:xmpp:openpgp:0'/>"],
  ['XEP-0027', "<x xmlns='jabber:x:encrypted'/>"],
] as const) {
  test(`C5, F4: what is encrypted (${what}) is archived, and marked as such`, async (t) => {
    const there = await stage(t);
    there.romeo.send(`<message type='chat' to='${BALCONY}'>${content}</message>`);
    await done(there, there.romeo);
    const [sent] = await rowsOf(there, ROMEO);
    const [received] = await rowsOf(there, JULIET);
    assert.equal(sent?.flags, ARCHIVE_FLAGS.sent | ARCHIVE_FLAGS.encrypted);
    assert.equal(received?.flags, ARCHIVE_FLAGS.encrypted);
  });
}

for (const content of [
  COMPOSING,
  '<thread>t</thread>',
  "<request xmlns='urn:xmpp:receipts'/>",
  "<markable xmlns='urn:xmpp:chat-markers:0'/>",
  "<event xmlns='http://jabber.org/protocol/pubsub#event'/>",
  "<x xmlns='http://jabber.org/protocol/muc#user'><decline/></x>",
  "<x xmlns='urn:example:x'/>",
  '',
]) {
  test(`C6: ${content || 'an empty message'} is not archived`, async (t) => {
    assert.equal(await archived(t, content), undefined);
  });
}

test('C7: no-store beats store', async (t) => {
  assert.equal(await archived(t, BODY + hint('store') + hint('no-store')), undefined);
});

test('C8: elements of dont_archive_namespaces are left out, but delivered', async (t) => {
  const there = await stage(t);
  there.romeo.send(
    `<message type='chat' id='m' to='${BALCONY}'>${COMPOSING}${BODY}<thread>t</thread></message>`,
  );
  const message = await there.juliet.next();
  assert.deepEqual(namesIn(message), ['composing', 'body', 'thread', 'stanza-id']);
  await done(there, there.romeo);
  assert.deepEqual(await shortRows(there, ROMEO), [`sent ${JULIET} body thread`]);
  assert.deepEqual(await shortRows(there, JULIET), [`received ${ROMEO} body thread`]);
});

test('C8: nothing is archived if no child is left', async (t) => {
  assert.equal(await archived(t, COMPOSING), undefined);
  const there = await stage(t, {
    options: "dont_archive_namespaces = ['urn:xmpp:chat-markers:0', 'urn:xmpp:hints']",
  });
  const marker = `<displayed xmlns='urn:xmpp:chat-markers:0' id='m'/>`;
  for (const more of ['', hint('store')])
    there.romeo.send(`<message type='chat' to='${BALCONY}'>${marker}${more}</message>`);
  await done(there, there.romeo);
  assert.deepEqual(await rowsOf(there, JULIET), []);
});

test('C8: stored is the stanza with our `from`, `to` and language, without our stanza-id, as a result can contain it', async (t) => {
  const there = await stage(t);
  there.romeo.send(
    `<message type='chat' id='&lt;m&gt;' xml:lang='it' to='${JULIET}'><body>a &amp; b &lt; c</body></message>`,
  );
  there.romeo.send(`<message>${BODY}</message>`);
  await done(there, there.romeo);
  const [row, other] = await rowsOf(there, ROMEO);
  const text = `<message xmlns='jabber:client' type='chat' id='&lt;m&gt;' xml:lang='it' to='${JULIET}' from='${ORCHARD}'><body>a &amp; b &lt; c</body></message>`;
  assert.equal(row?.xml, text);
  assert.equal((await rowsOf(there, JULIET))[0]?.xml, text);
  assertXml(
    parseElement(other?.xml ?? ''),
    `<message xmlns='jabber:client' from='${ORCHARD}' to='${ROMEO}'>${BODY}</message>`,
  );
});

test('archive-should-store decides before the content, and after the preferences', async (t) => {
  const there = await stage(t);
  const asked: string[] = [];
  for (const domain of ['capulet.lit', 'montague.lit'])
    there.server.server.router.hosts.get(domain)!.hooks.add(
      'archive-should-store',
      ({ user, stanza, direction }) => {
        asked.push(`${user} ${direction}`);
        return stanza.attrs.id === 'yes' ? true : stanza.attrs.id === 'no' ? false : undefined;
      },
      'deliver',
      'test',
    );
  there.romeo.send(`<message id='yes' type='chat' to='${BALCONY}'>${hint('no-store')}</message>`);
  there.romeo.send(`<message id='no' type='chat' to='${BALCONY}'>${BODY}</message>`);
  there.romeo.send(`<message id='m' type='chat' to='${BALCONY}'>${BODY}</message>`);
  await done(there, there.romeo);
  assert.deepEqual(asked.slice(0, 2), ['romeo sent', 'juliet received']);
  assert.deepEqual(await shortRows(there, JULIET), [`received ${ROMEO} no-store`, `received ${ROMEO} body`]);
  there.juliet.send(`<iq type='set' id='p'><prefs xmlns='urn:xmpp:mam:2' default='never'/></iq>`);
  await done(there, there.juliet);
  there.romeo.send(`<message id='yes' type='chat' to='${BALCONY}'>${BODY}</message>`);
  await done(there, there.romeo);
  assert.equal((await rowsOf(there, JULIET)).length, 2);
});

function namesIn(message: Stanza): string[] {
  return message.elements().map(({ name }) => name);
}
