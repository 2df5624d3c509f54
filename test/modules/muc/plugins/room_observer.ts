// A module for the tests of the room API: adds items to rooms, refuses on request, and records events.

import { defineModule, Jid, StanzaError, string, xml } from 'enjamb/api';

export default defineModule({
  name: 'room_observer',
  summary: 'Sees all that happens in rooms',
  implements: [],
  scope: 'component',
  depends: ['muc'],

  load(module) {
    const heard: string[] = module.keep('heard', () => []);
    const refuse = (text: string, condition: 'forbidden' | 'not-allowed') => {
      if (text === condition || text === 'both') throw new StanzaError(condition);
      if (text === 'broken') throw new Error('a fault of the module');
    };
    // Two events that may be refused.
    for (const condition of ['forbidden', 'not-allowed'] as const) {
      module.hook('muc-enter', ({ nick }) => refuse(nick, condition), 'guard');
      module.hook('muc-say', ({ stanza }) => refuse(stanza.getChildText('body') ?? '', condition), 'guard');
    }
    module.hook('muc-enter', (event) => {
      if (event.nick === 'anybody') event.nick = 'Somebody';
    });
    module.hook('muc-say', (event) => {
      heard.push(`say ${event.kind} ${event.client.bare} ${event.occupant?.nick ?? 'absent'}`);
      const body = event.stanza.getChild('body');
      if (body?.text() === 'plain') event.stanza = event.stanza.with({ 'xml:lang': 'en' });
    });
    module.observe('muc-said', ({ room, author, stanza, kept }) => {
      heard.push(
        `said ${room.name} ${author} ${stanza.getChildText('body') ?? ''} ${kept ? 'kept' : 'passing'}`,
      );
      if (stanza.getChildText('body') === 'observed') throw new Error('a fault of the observer');
    });
    module.observe('muc-entered', ({ room, seats, codes }) => {
      heard.push(`entered ${room.name} ${seats.map(({ occupant }) => occupant.nick)} ${codes}`);
    });
    module.observe('muc-departed', ({ room, seats, codes }) => {
      heard.push(`departed ${room.name} ${seats.map(({ occupant }) => occupant.nick)} ${codes}`);
    });
    module.observe('muc-affiliation', ({ room, bare, before, after, actor }) => {
      heard.push(`affiliation ${room.name} ${bare} ${before} ${after} ${actor}`);
    });
    module.observe('muc-room', ({ room, change }) => {
      heard.push(`${change} ${room.name}`);
    });
    module.provide('muc-feature', () => ['urn:observed']);
    module.provide('muc-presence', (_, { nick }) => [xml('hat', { xmlns: 'urn:observed', of: nick })]);
    module.command({
      name: 'heard',
      summary: 'What was heard since the last time',
      args: {},
      run: () => ({ rows: heard.splice(0).map((line) => ({ line })) }),
    });

    const muc = module.use('muc');
    /** A room that the test uses after its end. */
    let room = muc.get('hall');
    const act = (what: string, who: string): unknown => {
      room ??= muc.get('hall');
      if (!room) return undefined;
      const client = Jid.parse(who);
      if (what === 'rank') return { ...muc.rankOf(room, client), sees: muc.seesAddresses(room, client) };
      if (what === 'may enter') return muc.mayEnter(room, who);
      if (what === 'ban') return muc.setAffiliation(room, who, 'outcast', { reason: 'too loud' });
      const seats = [...room.seats.values()].filter(({ jid }) => jid === who);
      if (what === 'kick') return muc.remove(room, seats, { codes: ['307'] });
      if (what === 'say') return muc.say(room, xml('body', {}, 'said by the room'));
      if (what === 'tell') return muc.tell(room, xml('body', {}, 'told by the room'));
      if (what === 'destroy') return muc.destroy(room, { reason: 'the end' });
      if (what === 'create') return muc.create('garden', who).lockedSince === undefined;
      return [...muc.all()].map(({ name }) => name);
    };
    module.command({
      name: 'act',
      summary: 'Calls a function of the room API',
      args: { what: string('Which'), who: string('A full or bare JID') },
      run: ({ what, who }) => ({ rows: [{ result: act(what, who) }] }),
    });
  },
});
