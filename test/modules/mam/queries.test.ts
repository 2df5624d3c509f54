// XEP-0313 §4.1: which messages a query finds, and who may ask.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ARCHIVE_FLAGS } from '../../../src/storage/archive.ts';
import { assertXml } from '../../support/match.ts';
import { add, ask, BALCONY, ids, JULIET, library, MAM, ORCHARD, replyTo, time } from './query-stage.ts';
import { ROMEO } from './stage.ts';

const FULLTEXT = '{urn:xmpp:fulltext:0}fulltext';
const REASON = `<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text>`;
const error = (condition: string, type: string, text = '') =>
  `<error type='${type}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>${text}</error>`;

for (const [who, jid] of [
  ['an account', JULIET],
  ['no account', 'tybalt@capulet.lit'],
] as const) {
  test(`Q1: a query, a form or metadata of another bare JID (${who}) is forbidden (auth)`, async (t) => {
    const { romeo } = await library(t, 1);
    for (const [type, name] of [
      ['set', 'query'],
      ['get', 'query'],
      ['get', 'metadata'],
    ]) {
      romeo.send(`<iq type='${type}' id='q' to='${jid}'><${name} xmlns='${MAM}'/></iq>`);
      await romeo.receives(
        `<iq type='error' id='q' from='${jid}' to='${ORCHARD}'>${error('forbidden', 'auth')}</iq>`,
      );
    }
  });
}

test('Q2: without form and set, the answer is the first page of 100', async (t) => {
  const { juliet } = await library(t, 101);
  const reply = await ask(juliet);
  assert.deepEqual(reply.ids, ids(1, 100));
  assert.equal(reply.end, 'm1 m100 101');
});

for (const [what, form] of [
  ['FORM_TYPE missing', "<x xmlns='jabber:x:data' type='submit'/>"],
  ['FORM_TYPE other', `<x xmlns='jabber:x:data' type='submit'>${field('FORM_TYPE', 'urn:xmpp:mam:1')}</x>`],
  ['type not submit', `<x xmlns='jabber:x:data' type='form'>${field('FORM_TYPE', MAM)}</x>`],
  ['a field twice', submit(field('end', time(0)), field('end', time(0)))],
  ['invalid JID', submit(field('with', 'a@@b'))],
  ['time not 0082', submit(field('start', '2025-06-01 12:00:00'))],
] as const) {
  test(`Q3: ${what}: bad-request (modify), with a sentence`, async (t) => {
    const { juliet } = await library(t, 1);
    juliet.send(`<iq type='set' id='q'><query xmlns='${MAM}'>${form}</query></iq>`);
    await juliet.receives(
      `<iq type='error' id='q' from='${JULIET}' to='${BALCONY}'>${error('bad-request', 'modify', REASON)}</iq>`,
    );
  });
}

function submit(...fields: string[]): string {
  return `<x xmlns='jabber:x:data' type='submit'>${field('FORM_TYPE', MAM)}${fields.join('')}</x>`;
}

function field(name: string, value: string): string {
  return `<field var='${name}'><value>${value}</value></field>`;
}

for (const [what, query] of [
  ['unknown field', `<query xmlns='${MAM}'>${submit(field('{urn:example}mood', 'x'))}</query>`],
  ['node attribute', `<query xmlns='${MAM}' node='princely_musings'/>`],
] as const) {
  test(`Q4: ${what}: feature-not-implemented (cancel)`, async (t) => {
    const { juliet } = await library(t, 1);
    juliet.send(`<iq type='set' id='q'>${query}</iq>`);
    await juliet.receives(
      `<iq type='error' id='q' from='${JULIET}' to='${BALCONY}'>${error('feature-not-implemented', 'cancel', REASON)}</iq>`,
    );
  });
}

test('Q5: with a bare address: the peer is it', async (t) => {
  const { juliet, archive } = await library(t, 2);
  await add(archive, { n: 3, from: 'nurse@capulet.lit/hall' });
  await add(archive, { n: 4, from: BALCONY, to: `${ROMEO}/orchard` });
  await add(archive, { n: 5, from: BALCONY, to: 'rooms.lit' });
  assert.deepEqual((await ask(juliet, { fields: { with: ROMEO } })).ids, ['m1', 'm2', 'm4']);
  assert.deepEqual((await ask(juliet, { fields: { with: 'ROMEO@Montague.LIT' } })).ids, ['m1', 'm2', 'm4']);
  assert.deepEqual((await ask(juliet, { fields: { with: 'rooms.lit' } })).ids, ['m5']);
  assert.deepEqual((await ask(juliet, { fields: { with: 'paris@capulet.lit' } })).end, '- - 0 complete');
});

test('Q5: with the own bare address: only from and to oneself', async (t) => {
  const { juliet, archive } = await library(t, 2);
  await add(archive, { n: 3, from: BALCONY, to: JULIET });
  await add(archive, { n: 4, from: BALCONY, to: `${JULIET}/chamber` });
  assert.deepEqual((await ask(juliet, { fields: { with: JULIET } })).ids, ['m3', 'm4']);
});

test('Q5: with a full address: from or to is it', async (t) => {
  const { juliet, archive } = await library(t, 1);
  await add(archive, { n: 2, from: `${ROMEO}/street` });
  await add(archive, { n: 3, from: BALCONY, to: `${ROMEO}/street` });
  await add(archive, { n: 4, from: `${JULIET}/chamber`, to: ROMEO });
  assert.deepEqual((await ask(juliet, { fields: { with: `${ROMEO}/street` } })).ids, ['m2', 'm3']);
  assert.deepEqual((await ask(juliet, { fields: { with: BALCONY } })).ids, ['m3']);
});

test('Q6: start and end are inclusive, to the millisecond', async (t) => {
  const { juliet } = await library(t, 5);
  assert.deepEqual((await ask(juliet, { fields: { start: time(2_000), end: time(4_000) } })).ids, ids(2, 4));
  assert.deepEqual((await ask(juliet, { fields: { start: time(2_001), end: time(3_999) } })).ids, ['m3']);
});

test('Q6: offsets and fractions of times are understood', async (t) => {
  const { juliet } = await library(t, 3);
  const fields = { start: '2025-06-01T13:30:02+01:30', end: '2025-06-01T12:00:02.000123Z' };
  assert.deepEqual((await ask(juliet, { fields })).ids, ['m2']);
});

test('Q6: start after end: empty', async (t) => {
  const { juliet } = await library(t, 3);
  const reply = await ask(juliet, { fields: { start: time(3_000), end: time(1_000) } });
  assert.deepEqual([reply.ids, reply.end], [[], '- - 0 complete']);
});

test('Q7: after-id and before-id are exclusive, both allowed, direction unchanged', async (t) => {
  const { juliet } = await library(t, 6);
  const both = { 'after-id': 'm1', 'before-id': 'm6' };
  assert.deepEqual((await ask(juliet, { fields: { 'after-id': 'm4' } })).ids, ['m5', 'm6']);
  assert.deepEqual((await ask(juliet, { fields: { 'before-id': 'm3' }, set: '<max>1</max>' })).ids, ['m1']);
  const page = await ask(juliet, { fields: both, set: '<max>2</max>' });
  assert.deepEqual([page.ids, page.end], [['m2', 'm3'], 'm2 m3 4']);
  const last = await ask(juliet, { fields: both, set: '<max>2</max><before/>' });
  assert.deepEqual([last.ids, last.end], [['m4', 'm5'], 'm4 m5 4']);
});

test('Q8: ids: these, chronologically', async (t) => {
  const { juliet } = await library(t, 6);
  assert.deepEqual((await ask(juliet, { fields: { ids: ['m5', 'm2', 'm3'] } })).ids, ['m2', 'm3', 'm5']);
});

test('Q8: ids: one without a visible row: item-not-found', async (t) => {
  const { juliet, archive } = await library(t, 3);
  await add(archive, { n: 4, flags: ARCHIVE_FLAGS.hidden | ARCHIVE_FLAGS.waiting });
  for (const id of ['m4', 'm9']) {
    const reply = await ask(juliet, { fields: { ids: ['m2', id] } });
    assert.deepEqual([reply.ids, reply.end], [[], 'item-not-found cancel']);
  }
});

test('Q8: ids: more than 250: bad-request', async (t) => {
  const { juliet } = await library(t, 1);
  assert.equal((await ask(juliet, { fields: { ids: ids(1, 251) } })).end, 'bad-request modify');
});

test("Q9: an id that is not ours, or another owner's: item-not-found (cancel)", async (t) => {
  const { juliet, archive } = await library(t, 3);
  const { id: romeos } = archive.nextId('romeo');
  const { id: julietsOwn } = archive.nextId('juliet');
  const flipped = `${julietsOwn[0] === 'A' ? 'B' : 'A'}${julietsOwn.slice(1)}`;
  for (const id of ['no-such-id', romeos, flipped, '', 'x'.repeat(100_000)]) {
    const questions = [{ fields: { 'after-id': id } }, { fields: { 'before-id': id } }];
    const pages = id === '' ? [] : [{ set: `<after>${id}</after>` }, { set: `<before>${id}</before>` }];
    for (const question of [...questions, ...pages])
      assert.equal((await ask(juliet, question)).end, 'item-not-found cancel', JSON.stringify(question));
  }
});

test('Q9: an id older than the oldest row: item-not-found, since the client must know of the gap', async (t) => {
  const { juliet, archive } = await library(t, 0);
  const places = await appended(archive, 3);
  await archive.remove('juliet', [places[0]!]);
  assert.equal((await ask(juliet, { set: `<after>${places[0]}</after>` })).end, 'item-not-found cancel');
});

test('Q10: a genuine id, row gone, newer than the oldest row: answered by position', async (t) => {
  const { juliet, archive } = await library(t, 0);
  const [first, second, third] = await appended(archive, 3);
  await archive.remove('juliet', [second!]);
  assert.deepEqual((await ask(juliet, { set: `<after>${second}</after>` })).ids, [third]);
  assert.deepEqual((await ask(juliet, { fields: { 'before-id': second! } })).ids, [first]);
});

test('Q10: a genuine id, the archive empty: answered by position', async (t) => {
  const { juliet, archive } = await library(t, 0);
  const places = await appended(archive, 2);
  await archive.remove('juliet', places);
  assert.equal((await ask(juliet, { set: `<after>${places[1]}</after>` })).end, '- - 0 complete');
});

async function appended(
  archive: Awaited<ReturnType<typeof library>>['archive'],
  count: number,
): Promise<string[]> {
  const places = Array.from({ length: count }, () => archive.nextId('juliet').id);
  for (const id of places)
    await archive.append('juliet', { id, with: ROMEO, xml: "<message xmlns='jabber:client'/>" });
  return places;
}

test('Q11: include-groupchat is accepted, and changes nothing', async (t) => {
  const { juliet } = await library(t, 2);
  for (const value of ['true', 'false', '0'])
    assert.deepEqual((await ask(juliet, { fields: { 'include-groupchat': value } })).ids, ids(1, 2));
});

test('Q12: iq get query: the form; ids is list-multi with open validation (0122); nothing is required', async (t) => {
  const { juliet } = await library(t, 0);
  juliet.send(`<iq type='get' id='form'><query xmlns='${MAM}'/></iq>`);
  await juliet.receives(`
    <iq type='result' id='form' from='${JULIET}' to='${BALCONY}'><query xmlns='${MAM}'><x xmlns='jabber:x:data' type='form'>
      <field type='hidden' var='FORM_TYPE'><value>${MAM}</value></field>
      <field type='jid-single' var='with'/><field type='text-single' var='start'/>
      <field type='text-single' var='end'/><field type='text-single' var='before-id'/>
      <field type='text-single' var='after-id'/>
      <field type='list-multi' var='ids'>
        <validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:string'><open/></validate></field>
      <field type='boolean' var='include-groupchat'/>
      <field type='text-single' var='${FULLTEXT}'/></x></query></iq>`);
});

for (const old of ['urn:xmpp:mam:0', 'urn:xmpp:mam:1', 'urn:xmpp:mam:tmp']) {
  test(`Q13: ${old}: service-unavailable`, async (t) => {
    const { juliet } = await library(t, 1);
    juliet.send(`<iq type='set' id='q'><query xmlns='${old}'/></iq>`);
    await juliet.receives(
      `<iq type='error' id='q' from='${JULIET}' to='${BALCONY}'>${error('service-unavailable', 'cancel')}</iq>`,
    );
  });
}

test('Q14: iq get metadata: start and end, with id and timestamp', async (t) => {
  const { juliet } = await library(t, 3);
  juliet.send(`<iq type='get' id='m' to='${JULIET}'><metadata xmlns='${MAM}'/></iq>`);
  await juliet.receives(`
    <iq type='result' id='m' from='${JULIET}' to='${BALCONY}'><metadata xmlns='${MAM}'>
      <start id='m1' timestamp='${time(1_000)}'/><end id='m3' timestamp='${time(3_000)}'/></metadata></iq>`);
});

test('Q14: the metadata of an empty archive: empty element', async (t) => {
  const { juliet, archive } = await library(t, 0);
  await add(archive, { n: 1, flags: ARCHIVE_FLAGS.hidden | ARCHIVE_FLAGS.waiting });
  juliet.send(`<iq type='get' id='m'><metadata xmlns='${MAM}'/></iq>`);
  await juliet.receives(
    `<iq type='result' id='m' from='${JULIET}' to='${BALCONY}'><metadata xmlns='${MAM}'/></iq>`,
  );
});

test('hidden rows are in no page', async (t) => {
  const { juliet, archive } = await library(t, 2);
  await add(archive, { n: 3, flags: ARCHIVE_FLAGS.hidden | ARCHIVE_FLAGS.waiting });
  await add(archive, { n: 4, flags: ARCHIVE_FLAGS.waiting });
  assert.equal((await ask(juliet)).end, 'm1 m4 3 complete');
});

test('F1: all words must occur; case and accents do not count; one of 3 letters also as a beginning', async (t) => {
  const { juliet, archive } = await library(t, 0);
  for (const [index, body] of ['O Roméo, Romeo!', 'Romeo is banished', 'What is in a name?'].entries())
    await add(archive, { n: index + 1, body });
  const found = async (text: string, fields = {}) =>
    (await ask(juliet, { fields: { [FULLTEXT]: text, ...fields } })).ids;
  assert.deepEqual(await found('ROMEO'), ['m1', 'm2']);
  assert.deepEqual(await found('rom banish'), ['m2']);
  assert.deepEqual(await found('na'), []);
  assert.deepEqual(await found(' '), ids(1, 3), 'XEP-0431 §3.2: "if non-empty"');
  assert.deepEqual(await found('is', { 'after-id': 'm2' }), ['m3'], 'it combines with all filters');
  const page = await ask(juliet, { fields: { [FULLTEXT]: 'romeo' }, set: '<max>1</max><before/>' });
  assert.deepEqual([page.ids, page.end], [['m2'], 'm2 m2 2'], 'and with pages');
});

test('F1: at most 16 words of 64 characters: bad-request', async (t) => {
  const { juliet } = await library(t, 1);
  for (const text of [Array.from({ length: 17 }, (_, n) => n).join(' '), 'x'.repeat(65), '???'])
    assert.equal((await ask(juliet, { fields: { [FULLTEXT]: text } })).end, 'bad-request modify');
});

test('XEP-0313 §6: the account announces what can be asked', async (t) => {
  const { juliet } = await library(t, 0);
  juliet.send(
    `<iq type='get' id='d' to='${JULIET}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
  );
  const { iq } = await replyTo(juliet, 'd');
  const features = iq.elements()[0]!.getChildren('feature');
  const announced = features.map(({ attrs }) => attrs.var);
  for (const feature of [MAM, `${MAM}#extended`, `${MAM}#groupchat-field`, 'urn:xmpp:fulltext:0'])
    assert.ok(announced.includes(feature), feature);
});

test('Q23: the result of a query without to has no from, and holds the stored text as it is', async (t) => {
  const { juliet } = await library(t, 1);
  const reply = await ask(juliet, { queryId: 'f27' });
  assertXml(
    reply.results[0]!,
    `<message to='${BALCONY}'><result xmlns='${MAM}' queryid='f27' id='m1'>
      <forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2025-06-01T12:00:01.000Z'/>
        <message xmlns='jabber:client' from='${ORCHARD}' to='${JULIET}' type='chat'><body>1</body></message>
      </forwarded></result></message>`,
  );
});

test("Q23: from is the query's to, as the client wrote it, also of the answer", async (t) => {
  const { juliet } = await library(t, 1);
  const reply = await ask(juliet, { to: 'Juliet@CAPULET.lit' });
  assert.deepEqual(
    [reply.results[0]?.attrs.from, reply.iq.attrs.from],
    ['Juliet@CAPULET.lit', 'Juliet@CAPULET.lit'],
  );
});

test('S6: results carry the id in result alone', async (t) => {
  const { romeo, juliet } = await library(t, 0);
  romeo.send(`<message type='chat' to='${JULIET}/balcony'><body>Hi</body></message>`);
  const live = await juliet.next();
  const id = live.getChild('stanza-id', 'urn:xmpp:sid:0')?.attrs.id;
  const reply = await ask(juliet);
  assert.deepEqual(reply.ids, [id]);
  assert.doesNotMatch(`${reply.results[0]}`, /stanza-id/);
});
