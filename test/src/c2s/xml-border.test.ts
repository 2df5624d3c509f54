// What of XML a client may not send, and that what we send is XML whatever is in it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { xml } from '../../../src/xml/element.ts';
import { type Client, DOMAIN, type Harness, header, startHarness } from './harness.ts';

/** What ends a stream wherever it stands between two stanzas, and why. */
const BETWEEN_STANZAS: [what: string, text: string | Buffer, condition: string][] = [
  ['RFC 6120 §11.7: text between stanzas', 'x', 'bad-format'],
  ['RFC 6120 §11.7: a reference between stanzas', '&#32;', 'bad-format'],
  ['RFC 6120 §11.7: CDATA between stanzas', '<![CDATA[ ]]>', 'bad-format'],
  ['RFC 6120 §11.1: a comment', '<!-- -->', 'restricted-xml'],
  ['RFC 6120 §11.1: a processing instruction', '<?a b?>', 'restricted-xml'],
  ['RFC 6120 §11.1: a second XML declaration', `<?xml version='1.0'?>`, 'restricted-xml'],
  ['RFC 6120 §11.1: a document type', '<!DOCTYPE a>', 'restricted-xml'],
  ['RFC 6120 §11.1: an entity', '<message><body>&evil;</body></message>', 'restricted-xml'],
  ['RFC 6120 §11.3: what is no XML', '<message to=a/>', 'not-well-formed'],
  ['RFC 6120 §11.6: what is no UTF-8', Buffer.from('<message a="\xe4"/>', 'latin1'), 'unsupported-encoding'],
  ['RFC 6120 §4.9.3.2: a prefix that is not bound', '<p:message/>', 'bad-namespace-prefix'],
];

const FOREIGN: [what: string, text: string][] = [
  ['of the other content namespace', `<message xmlns='jabber:server' id='evil'/>`],
  ['of another namespace', `<message xmlns='urn:example' id='evil'/>`],
  ['of no namespace', `<message xmlns='' id='evil'/>`],
  ['of the namespace of streams', `<stream:message id='evil'/>`],
  ['of another namespace by a prefix', `<p:message xmlns:p='urn:example' id='evil'/>`],
  ['of another name', `<letter id='evil'/>`],
];

/** Every stanza of a client that gets as far as the router, by its id. */
function submitted(harness: Harness): (string | undefined)[] {
  const ids: (string | undefined)[] = [];
  for (const kind of ['message', 'presence', 'iq'] as const) {
    for (const target of ['full', 'bare', 'host', 'self'] as const) {
      harness.hook(`pre-${kind}/${target}`, ({ stanza }) => {
        ids.push(stanza.attrs.id);
        return 'handled';
      });
    }
  }
  return ids;
}

/** Sends something between two stanzas, the second of which must never be looked at. */
async function endOf(client: Client, text: string | Buffer): Promise<string> {
  client.send(`<message id='good'/>`);
  client.peer.send(Buffer.concat([Buffer.from(text), Buffer.from(`<message id='evil'/>`)]));
  return client.peer.readsToEnd();
}

function assertEnded(end: string, condition: string): void {
  const xmlns = 'urn:ietf:params:xml:ns:xmpp-streams';
  assert.match(
    end,
    new RegExp(`<stream:error><${condition} xmlns='${xmlns}'.*</stream:error></stream:stream>$`, 's'),
  );
}

describe('a bound client that sends', () => {
  for (const [what, text, condition] of BETWEEN_STANZAS) {
    test(`${what} gets ${condition}, and its stream ends`, async (t) => {
      const harness = await startHarness(t);
      const ids = submitted(harness);
      const client = await harness.bound('balcony');
      assertEnded(await endOf(client, text), condition);
      assert.deepEqual(ids, ['good']);
      assert.equal(harness.host.sessions.size, 0);
    });
  }

  for (const [what, text] of FOREIGN) {
    test(`RFC 6120 §4.9.3.24: a stanza ${what} is told unsupported-stanza-type, and its stream is over`, async (t) => {
      const harness = await startHarness(t);
      const ids = submitted(harness);
      const client = await harness.bound('balcony');
      assertEnded(await endOf(client, text), 'unsupported-stanza-type');
      assert.deepEqual(ids, ['good']);
      assert.equal(harness.host.sessions.size, 0);
    });
  }

  test('RFC 6120 §4.8.5: a prefix for the content namespace is a stanza as any other', async (t) => {
    const harness = await startHarness(t);
    const ids = submitted(harness);
    const client = await harness.bound('balcony');
    client.send(`<c:message xmlns:c='jabber:client' id='prefixed'/>`);
    client.send('</stream:stream>');
    await client.peer.readsToEnd();
    assert.deepEqual(ids, ['prefixed']);
  });

  test('RFC 6120 §11.7: ignores white space between stanzas', async (t) => {
    const harness = await startHarness(t);
    const ids = submitted(harness);
    const client = await harness.bound('balcony');
    client.send(`  \r\n<message id='one'/>\t\n <message id='two'/> </stream:stream>`);
    await client.peer.readsToEnd();
    assert.deepEqual(ids, ['one', 'two']);
  });
});

describe('before the login', () => {
  for (const [what, text, condition] of BETWEEN_STANZAS) {
    test(`${what} gets ${condition}, and later elements are ignored`, async (t) => {
      const harness = await startHarness(t);
      const client = harness.connect();
      await client.open();
      client.peer.send(Buffer.concat([Buffer.from(text), Buffer.from(`<auth xmlns='urn:x'/>`)]));
      assertEnded(await client.peer.readsToEnd(), condition);
    });

    if (!/^<[!?]/.test(`${text}`)) continue;
    test(`${what} before the header: our header comes, and ${condition} in it`, async (t) => {
      const client = (await startHarness(t)).connect();
      client.peer.send(Buffer.concat([Buffer.from(' '), Buffer.from(text), Buffer.from(header())]));
      const end = await client.peer.readsToEnd();
      assert.match(end, /^<\?xml version='1\.0'\?><stream:stream /);
      assertEnded(end, condition);
    });
  }
});

describe('what a client is sent', () => {
  const WILD = '\0\u0008\u000b\u001f\uFFFE\uFFFF\uD800<&>"\'\t\n\r]]>\uDC00';
  const REPLACED = '\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD';

  test('XML 1.0 §2.2: is XML, whatever text a module found elsewhere', async (t) => {
    const harness = await startHarness(t);
    const client = await harness.bound('balcony');
    const session = harness.session(`juliet@${DOMAIN}/balcony`);
    session.send(xml('message', { id: WILD }, xml('body', {}, WILD)));
    assert.equal(
      await client.reads('</message>'),
      `<message id='${REPLACED}&lt;&amp;&gt;"&apos;&#9;&#10;&#13;]]&gt;\uFFFD'>` +
        `<body>${REPLACED}&lt;&amp;&gt;"'\t\n&#13;]]&gt;\uFFFD</body></message>`,
    );
  });
});
