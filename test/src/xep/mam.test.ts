import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wordsOf } from '../../../src/storage/search-words.ts';
import { mamFin, mamForm, mamResult, mamSearchWords, readMamQuery } from '../../../src/xep/mam.ts';
import { parseElement } from '../../../src/xml/copy.ts';
import { StanzaError } from '../../../src/xml/errors.ts';

const MAM = 'urn:xmpp:mam:2';
const query = (inside: string, attrs = '') =>
  parseElement(`<query xmlns='${MAM}' ${attrs}>${inside}</query>`);
const field = (name: string, ...values: string[]) =>
  `<field var='${name}'>${values.map((value) => `<value>${value}</value>`).join('')}</field>`;
const form = (...fields: string[]) =>
  query(`<x xmlns='jabber:x:data' type='submit'>${field('FORM_TYPE', MAM)}${fields.join('')}</x>`);

/** The query of a request, as slixmpp 1.8.3 (xep_0313), and nbxmpp 4.2.2, the library of Gajim 1.7.3, write it. */
const SLIXMPP = `<query xmlns="urn:xmpp:mam:2" queryid="m1"><x xmlns="jabber:x:data" type="submit"><field var="FORM_TYPE" type="hidden"><value>urn:xmpp:mam:2</value></field><field var="start"><value>2024-03-01T12:00:00Z</value></field><field var="with"><value>romeo@montague.lit</value></field></x><set xmlns="http://jabber.org/protocol/rsm"><max>10</max><before /></set></query>`;
const SLIXMPP_EXTENDED = `<query xmlns="urn:xmpp:mam:2"><set xmlns="http://jabber.org/protocol/rsm"><max>5</max><after>28482-98726-73623</after></set><x xmlns="jabber:x:data" type="submit"><field var="FORM_TYPE" type="hidden"><value>urn:xmpp:mam:2</value></field><field var="after-id"><value>17</value></field><field var="ids"><value>id1</value><value>id2</value></field></x></query>`;
const NBXMPP = `<query xmlns="urn:xmpp:mam:2" queryid="q7"><x xmlns="jabber:x:data" type="submit"><field type="hidden" var="FORM_TYPE"><value>urn:xmpp:mam:2</value></field><field type="text-single" var="start"><value>2024-03-01T12:00:00Z</value></field></x><set xmlns="http://jabber.org/protocol/rsm"><max>70</max><after>28482-98726-73623</after></set></query>`;

test('XEP-0313 §4.1, §4.3: queries of slixmpp and Gajim', () => {
  const slixmpp = readMamQuery(parseElement(SLIXMPP));
  assert.equal(slixmpp.queryId, 'm1');
  assert.equal(`${slixmpp.with}`, 'romeo@montague.lit');
  assert.equal(slixmpp.start, Date.UTC(2024, 2, 1, 12));
  assert.deepEqual(slixmpp.page, { max: 10, after: undefined, before: '', index: undefined });
  const extended = readMamQuery(parseElement(SLIXMPP_EXTENDED));
  assert.equal(extended.afterId, '17');
  assert.deepEqual(extended.ids, ['id1', 'id2']);
  const gajim = readMamQuery(parseElement(NBXMPP));
  assert.deepEqual([gajim.queryId, gajim.with, gajim.page?.after], ['q7', undefined, '28482-98726-73623']);
});

test('XEP-0313 §4: a query without a form has no filters', () => {
  const read = readMamQuery(query(''));
  assert.deepEqual(
    [read.queryId, read.with, read.start, read.end, read.ids, read.page, read.isFlipped],
    [undefined, undefined, undefined, undefined, undefined, undefined, false],
  );
  assert.equal(readMamQuery(query('<flip-page/>')).isFlipped, true);
});

test('XEP-0313 §4.1.2, XEP-0082: times with a fraction and with an offset', () => {
  const times = (start: string, end: string) => {
    const read = readMamQuery(form(field('start', start), field('end', end)));
    return [read.start, read.end];
  };
  const at = Date.UTC(2024, 2, 1, 12);
  assert.deepEqual(times('2024-03-01T12:00:00.250Z', '2024-03-01T13:30:00.5+01:30'), [at + 250, at + 500]);
});

test('XEP-0313 §4.1.5: an unknown field, or a node, is feature-not-implemented', () => {
  refused('feature-not-implemented', () => readMamQuery(form(field('{urn:example}other', 'romeo'))));
  refused('feature-not-implemented', () => readMamQuery(query('', "node='urn:example:node'")));
  refused('feature-not-implemented', () => mamForm(query('', "node='urn:example:node'")));
  assert.equal(readMamQuery(form(field('include-groupchat', 'true'))).includeGroupchat, true);
});

test('XEP-0313 §4.1.3: an id that is named twice is one id', () => {
  assert.deepEqual(readMamQuery(form(field('ids', 'one', 'two', 'one'))).ids, ['one', 'two']);
});

test('XEP-0431 §3.2: the words of a search, unless the field is empty', () => {
  const words = (...values: string[]) =>
    mamSearchWords(readMamQuery(form(field('{urn:xmpp:fulltext:0}fulltext', ...values))), wordsOf);
  assert.deepEqual(words('Wherefore art thou,  Roméo?'), ['wherefore', 'art', 'thou', 'romeo']);
  for (const empty of [[], [''], [' ']]) assert.equal(words(...empty), undefined);
  assert.equal(mamSearchWords(readMamQuery(query('')), wordsOf), undefined);
});

test('XEP-0431: a search has 1 to 16 words of 64 characters', () => {
  const search = (text: string) => () =>
    mamSearchWords(readMamQuery(form(field('{urn:xmpp:fulltext:0}fulltext', text))), wordsOf);
  const many = (count: number) => Array.from({ length: count }, (_, n) => `w${n}`).join(' ');
  assert.equal(search(many(16))()?.length, 16);
  refused('bad-request', search(many(17)));
  assert.equal(search('𝒳'.repeat(64))()?.length, 1);
  refused('bad-request', search('x'.repeat(65)));
  refused('bad-request', search('?!'));
  refused('bad-request', () => readMamQuery(form(field('{urn:xmpp:fulltext:0}fulltext', 'one', 'two'))));
});

test('refuses a query that it cannot read', () => {
  const wrong = {
    'another form': query(`<x xmlns='jabber:x:data' type='submit'>${field('FORM_TYPE', 'urn:other')}</x>`),
    'a form of no kind': query(`<x xmlns='jabber:x:data' type='submit'/>`),
    'a form that is not filled in': query(`<x xmlns='jabber:x:data' type='form'/>`),
    'a field twice': form(field('start', '2024-03-01T12:00:00Z'), field('start', '2024-03-01T12:00:00Z')),
    'a value twice': form(field('with', 'a@b', 'c@d')),
    'no address': form(field('with', 'a@@b')),
    'no time zone': form(field('start', '2024-03-01T12:00:00')),
    'a day that its month does not have': form(field('start', '2023-02-29T12:00:00Z')),
    'a date alone': form(field('end', '2024-03-01')),
    'no such month': form(field('end', '2024-13-01T12:00:00Z')),
    'no boolean': form(field('include-groupchat', 'yes')),
    'too many ids': form(field('ids', ...Array.from({ length: 251 }, (_, n) => `${n}`))),
    'no page': query("<set xmlns='http://jabber.org/protocol/rsm'><max>ten</max></set>"),
  };
  for (const [what, element] of Object.entries(wrong))
    refused('bad-request', () => readMamQuery(element), what);
});

test('XEP-0313 §4.1.5: the form, with nothing required, and ids of any value (XEP-0122 §3.2.2)', () => {
  const expected = `<x xmlns='jabber:x:data' type='form'>
    <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>
    <field var='with' type='jid-single'/><field var='start' type='text-single'/><field var='end' type='text-single'/>
    <field var='before-id' type='text-single'/><field var='after-id' type='text-single'/>
    <field var='ids' type='list-multi'>
      <validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:string'><open/></validate></field>
    <field var='include-groupchat' type='boolean'/>
    <field var='{urn:xmpp:fulltext:0}fulltext' type='text-single'/></x>`;
  assert.equal(`${mamForm(query(''))}`, expected.replace(/>\s+</g, '><'));
});

test('XEP-0313 §4.2: a result holds the stored text as it was written', () => {
  const text = "<message from='a@b' to='c@d'><body>&lt;3</body></message>";
  const entry = { id: '28482', at: Date.UTC(2010, 6, 10, 23, 8, 25, 7), text };
  const result = mamResult(entry, 'f27', { to: 'juliet@capulet.lit/chamber' });
  const inner = `<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2010-07-10T23:08:25.007Z'/>${text}</forwarded>`;
  assert.equal(
    `${result}`,
    `<message to='juliet@capulet.lit/chamber'><result xmlns='urn:xmpp:mam:2' queryid='f27' id='28482'>${inner}</result></message>`,
  );
  assert.equal(result.getChild('result', MAM)?.attrs.id, '28482');
  assert.doesNotMatch(`${mamResult(entry, undefined, {})}`, /queryid/);
});

test('XEP-0313 §4.3.2: fin always has a set, and says complete only when it is', () => {
  const set = `<set xmlns='http://jabber.org/protocol/rsm'>`;
  assert.equal(
    `${mamFin({ first: 'a', last: 'b', index: 0, count: 2 }, true)}`,
    `<fin xmlns='${MAM}' complete='true'>${set}<first index='0'>a</first><last>b</last><count>2</count></set></fin>`,
  );
  assert.equal(
    `${mamFin({ first: 'a', last: 'b' }, false)}`,
    `<fin xmlns='${MAM}'>${set}<first>a</first><last>b</last></set></fin>`,
  );
  assert.equal(`${mamFin({}, true)}`, `<fin xmlns='${MAM}' complete='true'>${set.replace('>', '/>')}</fin>`);
});

function refused(condition: string, read: () => unknown, what?: string): void {
  assert.throws(read, (error) => error instanceof StanzaError && error.condition === condition, what);
}
