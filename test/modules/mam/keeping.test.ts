// How long archives are kept, and how large they become.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { archiveOf } from '../../support/waiting.ts';
import { BALCONY, BODY, done, JULIET, ROMEO, rowsOf, stage } from './stage.ts';

const DAY = 24 * 3_600_000;
const COMMANDS = 'http://jabber.org/protocol/commands';
const NODE = 'urn:xmpp:mam#configure';
const FORM = 'jabber:x:data';

test('E1: messages older than archive_expires_after are removed hourly', async (t) => {
  const clock = new FakeClock();
  const there = await stage(t, { clock, options: 'archive_expires_after = "1 day"' });
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}</message>`);
  await clock.advance(DAY);
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}</message>`);
  await clock.advance(DAY / 24);
  assert.equal((await rowsOf(there, JULIET)).length, 1);
  assert.equal((await rowsOf(there, ROMEO)).length, 1);
  const samples = there.server.server.metrics.samples().filter(({ name }) => /archive_expired/.test(name));
  assert.equal(
    samples.reduce((sum, { value }) => sum + value, 0),
    2,
    'the metric of expired messages',
  );
});

test('E1: archive_expires_after = "never" keeps them', async (t) => {
  const clock = new FakeClock();
  const there = await stage(t, { clock, options: 'archive_expires_after = "never"' });
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}</message>`);
  await clock.advance(DAY);
  clock.moveWallClock(4000 * DAY);
  await clock.advance(DAY / 24);
  assert.equal((await rowsOf(there, JULIET)).length, 1);
});

test('E1: of host and user, who keeps messages for a shorter time counts, for that user only', async (t) => {
  const clock = new FakeClock();
  const there = await stage(t, { clock, options: 'archive_expires_after = "30 days"' });
  await archiveOf(there.server.server).keep('juliet', 7 * DAY);
  await archiveOf(there.server.server, 'montague.lit').keep('romeo', 60 * DAY);
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}</message>`);
  await done(there, there.romeo);
  clock.moveWallClock(8 * DAY);
  await clock.advance(DAY / 24);
  assert.deepEqual([(await rowsOf(there, ROMEO)).length, (await rowsOf(there, JULIET)).length], [1, 0]);
  clock.moveWallClock(23 * DAY);
  await clock.advance(DAY / 24);
  assert.deepEqual(await rowsOf(there, ROMEO), []);
});

test('E1: the oldest messages of an archive beyond archive_max_size are removed, down to 95 %', async (t) => {
  const clock = new FakeClock();
  const there = await stage(t, { clock, options: 'archive_max_size = "1 MiB"' });
  const body = `<body>${'x'.repeat(100_000)}</body>`;
  for (let n = 0; n < 11; n++)
    there.romeo.send(`<message type='chat' id='${n}' to='${BALCONY}'>${body}</message>`);
  await done(there, there.romeo);
  await clock.advance(DAY / 24);
  const rows = await rowsOf(there, JULIET);
  assert.equal(rows.length, 9);
  assert.match(rows[0]?.xml ?? '', /id='2'/);
});

for (const [option, choices] of [
  ['1 year', ['1 week', '1 month', 'as the server does']],
  ['2 weeks', ['1 week', 'as the server does']],
  ['never', ['1 week', '1 month', '1 year', 'as the server does']],
] as const) {
  test(`P9: at urn:xmpp:mam#configure of the own account users choose how long, never longer than the host: ${option}`, async (t) => {
    const there = await stage(t, { modules: ['adhoc'], options: `archive_expires_after = "${option}"` });
    const form = await begin(there.juliet);
    assert.deepEqual(choicesIn(form), choices);
    assert.equal(valueIn(form), 'as the server does');
    assert.equal((await submit(there.juliet, form, '1 week')).attrs.status, 'completed');
    const archive = archiveOf(there.server.server);
    assert.equal((await archive.usage('juliet')).keepMs, 7 * DAY);
    const again = await begin(there.juliet);
    assert.equal(valueIn(again), '1 week');
    await submit(there.juliet, again, 'as the server does');
    assert.equal((await archive.usage('juliet')).keepMs, undefined);
  });
}

test('P9 (XEP-0050 §2.2): the account lists the command for its owner only', async (t) => {
  const there = await stage(t, { modules: ['adhoc'] });
  const list = (to: string) =>
    ask(
      there.juliet,
      `<iq type='get' id='i' to='${to}'><query xmlns='http://jabber.org/protocol/disco#items' node='${COMMANDS}'/></iq>`,
    );
  const [item, ...others] = (await list(JULIET)).children;
  assert.deepEqual(others, []);
  assert.deepEqual((item as Element).attrs, { jid: JULIET, node: NODE, name: 'Archive of messages' });
  assert.deepEqual((await list(ROMEO)).children, []);
  const info = await ask(
    there.juliet,
    `<iq type='get' id='i' to='${JULIET}'><query xmlns='http://jabber.org/protocol/disco#info' node='${NODE}'/></iq>`,
  );
  assert.equal(info.getChild('identity')?.attrs.type, 'command-node');
});

for (const [to, node, condition] of [
  [ROMEO, NODE, 'service-unavailable'],
  ['nobody@capulet.lit', NODE, 'service-unavailable'],
  [JULIET, 'urn:example:node', 'item-not-found'],
  ['capulet.lit', NODE, 'forbidden'],
] as const) {
  test(`P9: ${node} at ${to} is answered with ${condition}`, async (t) => {
    const there = await stage(t, { modules: ['adhoc'] });
    there.juliet.send(`<iq type='set' id='i' to='${to}'><command xmlns='${COMMANDS}' node='${node}'/></iq>`);
    const answer = await there.juliet.next();
    assert.ok(
      answer.getChild('error')?.getChild(condition, 'urn:ietf:params:xml:ns:xmpp-stanzas'),
      `${answer}`,
    );
  });
}

async function ask(client: ScriptedClient, iq: string): Promise<Element> {
  client.send(iq);
  return (await client.next()).elements()[0]!;
}

function begin(client: ScriptedClient): Promise<Element> {
  return ask(
    client,
    `<iq type='set' id='c'><command xmlns='${COMMANDS}' node='${NODE}' action='execute'/></iq>`,
  );
}

function submit(client: ScriptedClient, { attrs: { sessionid } }: Element, value: string): Promise<Element> {
  const form = `<x xmlns='${FORM}' type='submit'><field var='keep'><value>${value}</value></field></x>`;
  return ask(
    client,
    `<iq type='set' id='s'><command xmlns='${COMMANDS}' node='${NODE}' sessionid='${sessionid}'>${form}</command></iq>`,
  );
}

const fieldIn = (command: Element) => command.getChild('x', FORM)?.getChild('field');
const valueIn = (command: Element) => fieldIn(command)?.getChildText('value');
const choicesIn = (command: Element) =>
  fieldIn(command)
    ?.getChildren('option')
    .map((option) => option.getChildText('value'));
