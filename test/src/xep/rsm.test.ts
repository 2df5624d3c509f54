import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageElement, readPageRequest } from '../../../src/xep/rsm.ts';
import { parseElement } from '../../../src/xml/copy.ts';
import { StanzaError } from '../../../src/xml/errors.ts';

const read = (set: string) => readPageRequest(parseElement(`<query xmlns='urn:q'>${set}</query>`));
const RSM = "xmlns='http://jabber.org/protocol/rsm'";
const NOTHING = { max: undefined, after: undefined, before: undefined, index: undefined };

/** Requests as clients write them. */
const REQUESTS: [client: string, set: string, expected: object][] = [
  ['slixmpp 1.8.3', `<set ${RSM}><max>10</max><before /></set>`, { max: 10, before: '' }],
  ['slixmpp 1.8.3', `<set ${RSM}><max>5</max><after>28482</after></set>`, { max: 5, after: '28482' }],
  ['nbxmpp 4.2.2', `<set ${RSM}><max>70</max><after>28482</after></set>`, { max: 70, after: '28482' }],
  ['aioxmpp 0.13.3', `<set ${RSM}><index>3</index></set>`, { index: 3 }],
  ['aioxmpp 0.13.3', `<set ${RSM}><before/><max>10</max></set>`, { max: 10, before: '' }],
  ['aioxmpp 0.13.3', `<set ${RSM}><max>5</max></set>`, { max: 5 }],
];

test('XEP-0059 §2: the page that a client wants', () => {
  for (const [client, set, expected] of REQUESTS) {
    assert.deepEqual(read(set), { ...NOTHING, ...expected }, `${client}: ${set}`);
  }
});

test('a request without a set, or with one of another namespace, wants no page', () => {
  assert.equal(read(''), undefined);
  assert.equal(read("<set xmlns='urn:other'><max>1</max></set>"), undefined);
  assert.equal(read('<set><max>1</max></set>'), undefined);
});

test('XEP-0059 §2.2, §2.5, §2.7: an empty after, an empty before, and a maximum of 0', () => {
  const text = `<set ${RSM}><after/><before></before><max> 0 </max></set>`;
  assert.deepEqual(read(text), { max: 0, after: '', before: '', index: undefined });
});

test('refuses invalid numbers, and an index together with an item', () => {
  const wrong = ['<max/>', '<max>-1</max>', '<max>1.5</max>', '<max>ten</max>', '<index>-1</index>'];
  const both = ['<index>1</index><after>a</after>', '<index>1</index><before/>'];
  for (const inside of [...wrong, ...both]) {
    assert.throws(
      () => read(`<set ${RSM}>${inside}</set>`),
      (error) => error instanceof StanzaError && error.condition === 'bad-request',
      inside,
    );
  }
});

test('XEP-0059 §2.2: the set of a result; an empty page has no first and no last item', () => {
  const page = pageElement({ first: 'a', last: 'b', index: 0, count: 7 });
  assert.equal(`${page}`, `<set ${RSM}><first index='0'>a</first><last>b</last><count>7</count></set>`);
  assert.equal(
    `${pageElement({ first: 'a', last: 'b' })}`,
    `<set ${RSM}><first>a</first><last>b</last></set>`,
  );
  assert.equal(`${pageElement({ index: 3, count: 0 })}`, `<set ${RSM}><count>0</count></set>`);
});
