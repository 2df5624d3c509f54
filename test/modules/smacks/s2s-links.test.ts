// How many streams with other servers may be resumed (XEP-0198 §5).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Link } from '../../../modules/smacks/s2s_link.ts';
import { type KeptLinks, Links } from '../../../modules/smacks/s2s_links.ts';
import { SharedBudget } from '../../../src/util/shared-budget.ts';
import { FakeClock } from '../../support/clock.ts';

function setUp(): { kept: KeptLinks; links: Links } {
  const kept = { open: new Set<Link>(), resumable: new Map(), count: 0, unconfirmed: new SharedBudget(1) };
  return { kept, links: new Links(new FakeClock(), kept) };
}

/** As far as it matters here. */
const link = (remote: string, isOver = false): Link =>
  ({ remote, maxMs: 60_000, ...(isOver ? { end: { cause: 'reset', error: undefined } } : {}) }) as Link;

test('16 streams with one server can be resumed; one that is over makes room, an open one does not', () => {
  const { kept, links } = setUp();
  for (let n = 0; n < 16; n++) assert.equal(links.makeResumable(link('capulet.lit', n === 7), `${n}`), true);
  assert.equal(links.makeResumable(link('capulet.lit'), 'more'), true);
  assert.equal(links.find(['capulet.lit'], '7'), undefined);
  assert.equal(links.makeResumable(link('capulet.lit'), 'again'), false);
  assert.equal(links.makeResumable(link('verona.lit'), 'other'), true);
  assert.equal(kept.count, 17);
});

test('5,000 streams with all servers can be resumed; when one is forgotten there is room again', () => {
  const { kept, links } = setUp();
  const first = link('s0.lit', true);
  assert.equal(links.makeResumable(first, 'first'), true);
  for (let n = 1; n < 5_000; n++) assert.equal(links.makeResumable(link(`s${n}.lit`), 'id'), true);
  assert.equal(links.makeResumable(link('more.lit'), 'id'), false);
  links.forget(first);
  assert.equal(links.makeResumable(link('more.lit'), 'id'), true);
  assert.equal(kept.count, 5_000);
});

test('a server with any number of domains leaves resumable streams to others', () => {
  const { links } = setUp();
  let count = 0;
  for (let n = 0; n < 6_000; n++) if (links.makeResumable(link(`s${n}.evil.lit`), 'id')) count++;
  assert.equal(count, 500);
  assert.equal(links.makeResumable(link('capulet.lit'), 'id'), true);
});
