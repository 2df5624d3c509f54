import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyOf, findMessage, hasParty, tombstoneOf } from '../../../src/storage/archived-text.ts';
import { serialize, xml } from '../../../src/xml/index.ts';

const BY = { id: 'r', at: Date.UTC(2026, 0, 2, 3, 4, 5, 6) };
const RETRACTION = { with: 'juliet@capulet.lit', isSent: false, messageId: 'a', by: BY };

test('the body is the first one of the message itself', () => {
  const texts: [string, string][] = [
    ['<message/>', ''],
    ['<message><subject>no</subject></message>', ''],
    ["<message id='a'><body>hark</body></message>", 'hark'],
    ['<message><body/></message>', ''],
    ['<message><body/><body>second</body></message>', ''],
    ['<message><body>1 &lt; 2 &amp;amp; 3&gt;</body></message>', '1 < 2 &amp; 3>'],
    ["<message><body xml:lang='en'>hark</body><body>horch</body></message>", 'hark'],
    ['<message><thread>t</thread><body>hark</body></message>', 'hark'],
    ["<message><x xmlns='a'><body>no</body></x><body>hark</body></message>", 'hark'],
    ["<message><body xmlns='http://www.w3.org/1999/xhtml'>no</body><body>hark</body></message>", 'hark'],
    ["<message><html xmlns='http://jabber.org/protocol/xhtml-im'><body>no</body></html></message>", ''],
    ["<message><x xmlns='a'>&lt;body></x></message>", ''],
  ];
  for (const [text, body] of texts) assert.equal(bodyOf(text), body, text);
});

test('the body of what serialize wrote is the body that it was given', () => {
  for (const body of ['', 'a', ' a\n\tb ', '<body>', '&amp;', '\'"', ']]>', '\r\n', 'é🌹']) {
    const message = xml('message', { id: "a>b'" }, xml('body', {}, body));
    assert.equal(bodyOf(serialize(message)), body);
  }
});

test('XEP-0359 §3.2: a message is known by its id or its origin-id, not by those of others', () => {
  const text =
    "<message id='it&apos;s &amp;'><body>b</body><origin-id xmlns='urn:xmpp:sid:0' id='o'/>" +
    "<stanza-id xmlns='urn:xmpp:sid:0' by='a' id='s'/><x xmlns='y' id='x'/></message>";
  const isFound = (xml: string, ids: string[]) => findMessage([{ xml }], ids, 1000) !== undefined;
  assert.equal(isFound(text, ["it's &"]), true);
  assert.equal(isFound(text, ['z', 'o']), true);
  for (const id of ['s', 'x', 'b', '', 'it']) assert.equal(isFound(text, [id]), false, id);
  assert.equal(isFound(text, []), false);
  assert.equal(isFound('<message/>', ['undefined']), false);
});

test('100 texts that name the id elsewhere end the search, since each has to be parsed', () => {
  const decoy = { xml: "<message id='z'><x xmlns='y' id='a'/></message>" };
  const sought = { xml: "<message id='a'/>" };
  const found = (decoys: number) =>
    findMessage([...Array.from({ length: decoys }, () => decoy), sought], ['a'], 1_000_000);
  assert.equal(found(99), sought);
  assert.equal(found(100), undefined);
});

test('256 KiB of texts that name the id elsewhere end the search', () => {
  const other = `<message><x xmlns='y' id='a'>${'x'.repeat(131_072)}</x></message>`;
  const isFound = (others: number) =>
    findMessage([...Array(others).fill({ xml: other }), { xml: "<message id='a'/>" }], ['a'], 2 ** 24);
  assert.ok(isFound(1));
  assert.equal(isFound(2), undefined);
});

test('a party is the whole address in from or to', () => {
  const text =
    "<message from='romeo@montague.lit/it&apos;s' to='juliet@capulet.lit'><body>nurse@capulet.lit</body></message>";
  assert.equal(hasParty(text, "romeo@montague.lit/it's"), true);
  assert.equal(hasParty(text, 'juliet@capulet.lit'), true);
  for (const address of ['romeo@montague.lit', 'juliet@capulet.lit/x', 'nurse@capulet.lit', ''])
    assert.equal(hasParty(text, address), false, address);
});

test('an id or a party is found in the first tag; what follows is not parsed', () => {
  const unread = "<message id='a' from='nurse@capulet.lit/b'><x>";
  assert.ok(findMessage([{ xml: unread }], ['a'], 1000));
  assert.equal(hasParty(unread, 'nurse@capulet.lit/b'), true);
  const written = serialize(xml('message', { id: 'a>', from: "a@b/>'/" }));
  assert.ok(findMessage([{ xml: written }], ['a>'], 1000));
  assert.equal(hasParty(written, "a@b/>'/"), true);
});

test('XEP-0424 §5: a tombstone keeps from, to, type and id, the occupant-id, and nothing else', () => {
  const attrs = "from='juliet@capulet.lit/b' to='romeo@montague.lit' type='chat' id='a'";
  const text =
    `<message ${attrs} xml:lang='en'><body>secret</body>` +
    "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='o'/><origin-id xmlns='urn:xmpp:sid:0' id='a'/></message>";
  const retracted = "<retracted xmlns='urn:xmpp:message-retract:1' id='r' stamp='2026-01-02T03:04:05.006Z'/>";
  const occupant = "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='o'/>";
  assert.equal(tombstoneOf(text, RETRACTION), `<message ${attrs}>${retracted}${occupant}</message>`);
  const declared = `<message xmlns='jabber:client' from='a@b'><body>secret</body></message>`;
  assert.equal(
    tombstoneOf(declared, RETRACTION),
    `<message xmlns='jabber:client' from='a@b'>${retracted}</message>`,
  );
});

test('R2, R3: no tombstone of a retraction, of a tombstone, or by another occupant', () => {
  const tombstone = tombstoneOf("<message id='a'/>", RETRACTION)!;
  assert.equal(tombstoneOf(tombstone, RETRACTION), undefined);
  const retraction = "<message><retract xmlns='urn:xmpp:message-retract:1' id='b'/></message>";
  assert.equal(tombstoneOf(retraction, RETRACTION), undefined);
  const whisper = "<message from='verona@rooms.lit/nurse' id='a'/>";
  assert.equal(tombstoneOf(whisper, { ...RETRACTION, occupant: 'verona@rooms.lit/peter' }), undefined);
  assert.notEqual(tombstoneOf(whisper, { ...RETRACTION, occupant: 'verona@rooms.lit/nurse' }), undefined);
  const old = "<message><retract xmlns='urn:xmpp:message-retract:0'/></message>";
  assert.notEqual(tombstoneOf(old, RETRACTION), undefined);
});
