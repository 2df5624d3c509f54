// A client that a room loses again, or of which another client of ours has learned more: it is sent what it does not know.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { drop, restart } from '../../support/fake-rooms/faults.ts';
import { affiliate, configure, giveRole, kick } from '../../support/fake-rooms/moderation.ts';
import { type HarnessClient, HOST } from '../../support/module-harness.ts';
import { HALL, JULIET, PHONE, ROMEO, type Stage, stage } from './stage.ts';

/** The room loses these clients without a word, and the link breaks. */
function loses(made: Stage, ...clients: string[]): void {
  for (const client of clients) drop(made.room, client, { isTold: false });
  made.cut();
}

/** The server joins for romeo, and its module is replaced between the people of the answer and its end. */
async function reloadsInAnswer(made: Stage): Promise<void> {
  const { peer } = made.service;
  const says = peer.says.bind(peer);
  const late: (Element | string)[] = [];
  peer.says = (stanza) => (`${stanza}`.includes("code='110'") ? late.push(stanza) : says(stanza));
  made.cut();
  made.passes(5);
  peer.says = says;
  await made.h.command('module reload', { name: 'muc_autorejoin', host: HOST });
  for (const stanza of late) says(stanza);
}

const bodies = (made: Stage, client = made.romeo) =>
  client
    .heard()
    .map((stanza) => stanza.getChildText('body'))
    .filter((body) => body !== undefined);

describe('after a silent join the client is shown', () => {
  test('its nick change while the archive is read', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'silent' } });
    made.say('Alice', 'before');
    made.passes(20);
    made.romeo.heard();
    loses(made, ROMEO);
    made.passes(4);
    made.romeo.says(`<presence to='${HALL}/Montague'/>`);
    made.passes(20);
    assert.deepEqual(made.seen(), ['presence Romeo unavailable 110 303', 'presence Montague 110']);
  });

  test('the leave of an absent occupant, also when the room has lost the client again', async (t) => {
    const made = await stage(t);
    drop(made.room, ROMEO, { isTold: false });
    made.leaves('Bob');
    made.cut();
    made.passes(5);
    made.client(JULIET, 'Juliet'); // The room shows her that Bob is away.
    made.comes('Carol');
    made.passes(1); // Romeo was sent everything that is newer than Bob's leave.
    loses(made, ROMEO);
    made.passes(5);
    assert.deepEqual(made.seen(), ['presence Juliet', 'presence Carol']);
    made.passes(60);
    assert.deepEqual(made.seen(), ['presence Bob unavailable']);
  });

  test('the return of an absent occupant of whom only another client knew', async (t) => {
    const made = await stage(t);
    drop(made.room, ROMEO, { isTold: false });
    made.comes('Carol');
    made.client(JULIET, 'Juliet');
    restart(made.service, { keeps: 'rooms' });
    for (const nick of ['Alice', 'Bob']) made.comes(nick);
    made.cut();
    made.passes(5);
    assert.deepEqual(made.seen(), ['presence Juliet']);
    made.comes('Carol');
    made.passes(5);
    assert.deepEqual(made.seen(), ['presence Carol']);
  });

  test('people as it saw them first, if it has seen them in the other view since', async (t) => {
    const made = await stage(t);
    const isAdmin = (is: boolean) => affiliate(made.room, 'romeo@montague.lit', is ? 'admin' : 'none');
    isAdmin(true);
    giveRole(made.room, 'Bob', 'moderator'); // The room shows romeo addresses now.
    made.passes(1);
    assert.deepEqual(made.seen(), ['presence Romeo 110', 'presence Bob']);
    drop(made.room, ROMEO, { isTold: false });
    isAdmin(false);
    giveRole(made.room, 'Bob', 'participant');
    made.cut();
    made.passes(5);
    assert.ok(made.seen().includes('presence Bob'));
  });

  test('the leave of an occupant that others saw leave in the other view', async (t) => {
    const made = await stage(t);
    made.client(JULIET, 'Juliet');
    affiliate(made.room, 'romeo@montague.lit', 'admin');
    giveRole(made.room, 'Alice', 'moderator');
    made.passes(1);
    made.romeo.heard();
    drop(made.room, ROMEO, { isTold: false });
    made.leaves('Bob');
    made.passes(1); // Juliet, who sees no addresses, sees Bob leave.
    made.cut();
    made.passes(5);
    assert.deepEqual(made.seen(), ['presence Juliet']); // Now with her address.
    made.passes(60);
    assert.deepEqual(made.seen(), ['presence Bob unavailable']);
  });

  test('the leave of an occupant whom all of ours knew from the view that none has now', async (t) => {
    const made = await stage(t);
    made.client(JULIET, 'Juliet');
    for (const name of ['romeo', 'juliet']) affiliate(made.room, `${name}@montague.lit`, 'admin');
    giveRole(made.room, 'Alice', 'moderator');
    made.passes(1);
    made.romeo.heard();
    drop(made.room, ROMEO, { isTold: false });
    made.leaves('Bob');
    made.passes(1); // Juliet, who sees addresses now, sees Bob leave.
    made.cut();
    made.passes(5);
    assert.deepEqual(made.seen(), ['presence Alice', 'presence Juliet']); // As the new view shows them.
    made.passes(60);
    assert.deepEqual(made.seen(), ['presence Bob unavailable']);
  });

  test('people whom its join has shown it in one view, before an address showed that it has the other', async (t) => {
    const made = await stage(t, { people: [], affiliations: { 'romeo@montague.lit': 'admin' } });
    made.comes('Alice'); // The room shows Romeo, of the same account, before her.
    made.passes(1);
    const before = made.client(PHONE, 'Phone'); // It sees addresses.
    before.says(`<presence type='unavailable' to='${HALL}/Phone'/>`);
    giveRole(made.room, 'Romeo', 'participant');
    giveRole(made.room, 'Alice', 'moderator'); // Romeo sees no addresses any more.
    made.passes(1);
    const phone = made.client(PHONE, 'Phone');
    drop(made.room, PHONE, { isTold: false });
    giveRole(made.room, 'Romeo', 'moderator'); // As the phone had seen it in its first stay.
    made.passes(1);
    made.cut();
    made.passes(5);
    assert.deepEqual(made.seen(phone), ['presence Romeo']);
  });

  test('the leave of an occupant that it knew from the view that none has now, and that another client was shown in the other', async (t) => {
    const made = await stage(t);
    const juliet = made.client(JULIET, 'Juliet');
    configure(made.room, { nonAnonymous: true });
    made.comes('Carol'); // Her address moves both to the other view.
    made.passes(1);
    for (const client of [ROMEO, JULIET]) drop(made.room, client, { isTold: false });
    juliet.says(`<presence to='${HALL}/Juliet'/>`); // The room says that she is out.
    made.passes(5);
    made.leaves('Bob'); // She is in again, and sees Bob with his address leave.
    made.passes(1);
    made.romeo.heard();
    made.cut();
    made.passes(5);
    made.romeo.heard();
    made.passes(60);
    assert.deepEqual(made.seen(), ['presence Bob unavailable']);
  });

  test('people in another view, also after a reload in the middle of the answer', async (t) => {
    const made = await stage(t);
    affiliate(made.room, 'juliet@montague.lit', 'owner');
    made.client(JULIET, 'Juliet'); // She sees addresses already.
    made.comes('Carol');
    made.passes(1);
    made.romeo.heard();
    drop(made.room, ROMEO, { isTold: false });
    affiliate(made.room, 'romeo@montague.lit', 'admin');
    await reloadsInAnswer(made);
    assert.deepEqual(made.seen(), []);
    made.passes(5);
    const people = ['Alice', 'Bob', 'Carol', 'Juliet', 'Romeo 110'];
    assert.deepEqual(
      made.seen(),
      people.map((nick) => `presence ${nick}`),
    );
  });
});

describe('a reload in the middle of an answer, and then', () => {
  test('the room removes the client: it is joined again', async (t) => {
    const made = await stage(t);
    drop(made.room, ROMEO, { isTold: false });
    await reloadsInAnswer(made);
    drop(made.room, ROMEO, { codes: [] });
    made.passes(5);
    assert.deepEqual(made.seen(), []);
    made.assertAlive();
  });

  test('somebody kicks the client: it is told, and not joined again', async (t) => {
    const made = await stage(t);
    drop(made.room, ROMEO, { isTold: false });
    await reloadsInAnswer(made);
    made.joined();
    kick(made.room, 'Romeo');
    made.passes(5);
    assert.deepEqual(made.seen(), ['presence Romeo unavailable 110 307']);
    assert.deepEqual(made.joined(), []);
  });
});

describe('after a silent join the client is sent the subject', () => {
  test('that has changed, after what was said', async (t) => {
    const made = await stage(t);
    drop(made.room, ROMEO, { isTold: false });
    made.say('Alice', 'meanwhile');
    made.people.get('Alice')!.subject(HALL, 'tonight');
    made.cut();
    made.passes(5);
    assert.deepEqual(made.seen(), ['message Alice delayed meanwhile', 'message Alice subject "tonight"']);
    loses(made, ROMEO);
    made.passes(5);
    assert.deepEqual(made.seen(), []);
  });

  test('that it has never been sent, though others were', async (t) => {
    const made = await stage(t);
    made.people.get('Alice')!.subject(HALL, 'tonight');
    made.passes(1);
    const { peer } = made.service;
    const says = peer.says.bind(peer);
    peer.says = (stanza) => {
      if (typeof stanza === 'string' || !stanza.getChild('subject')) says(stanza);
    };
    const juliet = made.client(JULIET, 'Juliet');
    peer.says = says;
    loses(made, JULIET);
    made.passes(5);
    assert.deepEqual(made.seen(juliet), ['message Alice subject "tonight"']);
  });
});

describe('after a silent join the client is given', () => {
  test('what was said until it is let in, though the archive was read long before', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'works', historyLimit: 0 } });
    const juliet = made.client(JULIET, 'Juliet');
    made.say('Alice', 'before');
    made.passes(20);
    juliet.heard();
    made.service.behaviour.refuseJoin = ({ attrs }) =>
      attrs.from === JULIET ? new StanzaError('conflict') : undefined;
    loses(made, ROMEO, JULIET);
    made.passes(30);
    made.say('Alice', 'meanwhile');
    made.passes(20);
    made.service.behaviour.refuseJoin = () => undefined;
    made.passes(60);
    assert.deepEqual(bodies(made, juliet), ['meanwhile']);
  });

  test('nothing that was said before its own join', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'works', historyFilter: 'ignored' } });
    drop(made.room, ROMEO, { isTold: false });
    made.say('Alice', 'before');
    const juliet = made.h.client(JULIET);
    juliet.says(
      `<presence to='${HALL}/Juliet'><x xmlns='http://jabber.org/protocol/muc'><history maxchars='0'/></x></presence>`,
    );
    made.passes(1);
    made.cut();
    made.passes(10);
    assert.deepEqual(bodies(made), ['before']);
    made.comes('Carol');
    made.passes(1);
    juliet.heard();
    loses(made, JULIET);
    made.passes(20);
    assert.deepEqual(bodies(made, juliet), []);
  });

  test('nothing that was said before its own join, though another client has missed it', async (t) => {
    const made = await stage(t);
    made.say('Alice', 'heard');
    made.passes(1);
    drop(made.room, ROMEO, { isTold: false });
    made.passes(30);
    made.say('Alice', 'before');
    made.passes(5);
    const juliet = made.h.client(JULIET);
    juliet.says(
      `<presence to='${HALL}/Juliet'><x xmlns='http://jabber.org/protocol/muc'><history maxchars='0'/></x></presence>`,
    );
    made.passes(10);
    juliet.heard();
    drop(made.room, JULIET, { isTold: false });
    made.say('Alice', 'after');
    made.cut();
    made.passes(20);
    assert.deepEqual(bodies(made, juliet), ['after']);
    assert.deepEqual(bodies(made), ['heard', 'before', 'after']);
  });

  test('what was said since its own join, though no other client saw it enter', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'works', historyLimit: 0 } });
    made.say('Alice', 'heard');
    made.passes(1);
    drop(made.room, ROMEO, { isTold: false });
    made.say('Alice', 'before');
    const juliet = made.client(JULIET, 'Juliet');
    drop(made.room, JULIET, { isTold: false });
    made.say('Alice', 'after');
    made.cut();
    made.passes(20);
    assert.deepEqual(bodies(made, juliet), ['after']);
    assert.deepEqual(bodies(made), ['heard', 'before', 'after']);
  });

  test('nothing that was said before its own join, though one that entered at the same time knew no more', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'works' } });
    const { peer } = made.service;
    peer.queueMs = 90_000;
    peer.reachable = false;
    peer.cut();
    drop(made.room, ROMEO, { isTold: false });
    made.say('Alice', 'before');
    const newcomers = [JULIET, PHONE].map((jid) => {
      const client = made.h.client(jid);
      client.says(
        `<presence to='${HALL}/${jid.split('/')[1]}'><x xmlns='http://jabber.org/protocol/muc'><history maxchars='0'/></x></presence>`,
      );
      made.passes(1);
      return client;
    });
    peer.reachable = true;
    peer.openOut();
    made.passes(30);
    assert.deepEqual(bodies(made), ['before']);
    made.loses({ renewsStanzaIds: true });
    made.say('Alice', 'after');
    made.cut();
    made.passes(30);
    for (const client of newcomers) assert.deepEqual(bodies(made, client), ['after']);
  });

  test('nothing that was said before its own join, though another client was sent older history', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'works' } });
    made.say('Alice', 'older');
    made.romeo.says(`<presence type='unavailable' to='${HALL}/Romeo'/>`);
    made.passes(1);
    const joins = (client: HarnessClient, nick: string, history: string) => {
      client.says(
        `<presence to='${HALL}/${nick}'><x xmlns='http://jabber.org/protocol/muc'>${history}</x></presence>`,
      );
      made.passes(20);
    };
    joins(made.romeo, 'Romeo', `<history maxchars='0'/>`);
    made.say('Alice', 'before');
    joins(made.h.client(JULIET), 'Juliet', '');
    const phone = made.h.client(PHONE);
    joins(phone, 'Phone', `<history maxchars='0'/>`);
    made.loses({ renewsStanzaIds: true });
    made.say('Alice', 'after');
    made.cut();
    made.passes(30);
    assert.deepEqual(bodies(made, phone), ['after']);
  });
});

test('its own presence, which was held when the link broke again', async (t) => {
  const made = await stage(t, { behaviour: { archive: 'works' } });
  made.service.behaviour.archive = 'silent';
  loses(made, ROMEO);
  made.passes(5);
  assert.equal(made.romeo.state.mucPlaces!.get(HALL)!.state, 'catching-up');
  made.romeo.says(`<presence to='${HALL}/Romeo'><show>away</show></presence>`);
  made.passes(1);
  assert.deepEqual(made.seen(), []);
  made.cut();
  made.passes(30);
  const shows = made.romeo.heard().map((stanza) => stanza.getChildText('show'));
  assert.deepEqual(shows, ['away']);
});
