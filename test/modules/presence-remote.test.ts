// Presence between two servers.

import { test } from 'node:test';
import { becomeAvailable, IM_MODULES, requestRoster, setRoster, settled } from '../support/contacts.ts';
import { network } from '../support/network.ts';

const ROMEO = 'romeo@montague.lit';
const JULIET = 'juliet@capulet.lit';
const MODULES = IM_MODULES.replace(']', ', "dialback"]');
const CONFIGS = {
  montague: `${MODULES}\n[hosts."montague.lit"]`,
  capulet: `${MODULES}\n[hosts."capulet.lit"]`,
};
const push = (item: string) =>
  `<iq type='set' to='{any}'><query xmlns='jabber:iq:roster' ver='{any}'>${item}</query></iq>`;

test("RFC 6121 §3.1, §4.2: users of two servers subscribe to each other and see each other's presence", async (t) => {
  const net = await network(t, CONFIGS);
  const romeo = await net.client(`${ROMEO}/orchard`);
  const juliet = await net.client(`${JULIET}/balcony`);
  await requestRoster(romeo);
  await requestRoster(juliet);
  await becomeAvailable(romeo);
  await becomeAvailable(juliet);

  romeo.send(`<presence type='subscribe' to='${JULIET}'/>`);
  await romeo.receives(push(`<item jid='${JULIET}' subscription='none' ask='subscribe'/>`));
  await juliet.receives(`<presence type='subscribe' from='${ROMEO}' to='${JULIET}'/>`);
  juliet.send(`<presence type='subscribed' to='${ROMEO}'/>`);
  await juliet.receives(push(`<item jid='${ROMEO}' subscription='from'/>`));
  await romeo.receives(`<presence type='subscribed' from='${JULIET}' to='${ROMEO}'/>`);
  await romeo.receives(push(`<item jid='${JULIET}' subscription='to'/>`));
  await romeo.receives(`<presence from='${JULIET}/balcony' to='${ROMEO}'/>`);

  const hall = await net.client(`${ROMEO}/hall`); // asks by a probe
  await becomeAvailable(hall);
  await hall.receives(`<presence from='${ROMEO}/orchard' to='${ROMEO}/hall'/>`);
  await hall.receives(`<presence from='${JULIET}/balcony' to='${ROMEO}/hall'/>`);
  await romeo.receives(`<presence from='${ROMEO}/hall' to='${ROMEO}'/>`);

  juliet.drop();
  const gone = `<presence type='unavailable' from='${JULIET}/balcony' to='${ROMEO}'/>`;
  await romeo.receives(gone);
  await hall.receives(gone);
});

test('RFC 6121 §3.1.2: repeats an undelivered subscription request at the next login', async (t) => {
  const net = await network(t, CONFIGS);
  await net.of('capulet.lit').account(JULIET);
  await net.of('montague.lit').account(ROMEO);
  await setRoster(net.of('montague.lit'), ROMEO, { [JULIET]: 'none + out' });
  const juliet = await net.client(`${JULIET}/balcony`);
  await becomeAvailable(juliet);
  const romeo = await net.client(`${ROMEO}/orchard`);
  await becomeAvailable(romeo);
  await juliet.receives(`<presence type='subscribe' from='${ROMEO}' to='${JULIET}'/>`);
  await settled(romeo, juliet);
});

test('RFC 6121 §3.1.2: a request to an unreachable server returns an error', async (t) => {
  const net = await network(t, CONFIGS);
  net.unreachable.add('capulet.lit');
  const romeo = await net.client(`${ROMEO}/orchard`);
  await becomeAvailable(romeo);
  romeo.send(`<presence type='subscribe' to='${JULIET}'/>`);
  const refused = await romeo.skipUntil((element) => element.attrs.type === 'error');
  t.assert.deepEqual([refused.attrs.from, refused.attrs.to], [JULIET, ROMEO]);
});
