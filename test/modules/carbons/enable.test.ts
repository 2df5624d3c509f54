// XEP-0280 §3–§5, §10.1: discovery; clients enable and disable carbons.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { C2SSession as RealSession } from '../../../src/c2s/index.ts';
import { reloadModule } from '../../support/contacts.ts';
import { parseXml } from '../../support/match.ts';
import {
  asks,
  BALCONY,
  CARBONS,
  CHAMBER,
  chat,
  copy,
  drain,
  HALL,
  JULIET,
  login,
  loginAll,
  NURSE,
  ROMEO,
  SM,
  scene,
} from './scene.ts';

const notAllowed = (from: string, to: string) =>
  `<iq type='error' from='${from}' to='${to}'><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`;

test('XEP-0280 §3, §6.2: the server advertises carbons, and all of the rules', async (t) => {
  const there = await scene(t);
  const client = await there.test.client(BALCONY);
  client.send(
    `<iq type='get' id='d' to='capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
  );
  const query = (await client.next()).getChild('query', 'http://jabber.org/protocol/disco#info');
  const features = query!.getChildren('feature').map(({ attrs }) => attrs.var);
  for (const feature of ['urn:xmpp:carbons:2', 'urn:xmpp:carbons:rules:0'])
    assert.ok(features.includes(feature), feature);
});

test('XEP-0280 §4, §5, §10.1: enabling and disabling is answered by a result, also when it changes nothing', async (t) => {
  const there = await scene(t);
  const balcony = await there.test.client(BALCONY);
  for (const name of ['disable', 'enable', 'enable', 'disable', 'disable', 'enable']) {
    for (const to of ['', `to='${JULIET}'`]) {
      balcony.send(`<iq type='set' id='c' ${to}><${name} ${CARBONS}/></iq>`);
      await balcony.receives(`<iq type='result' from='${JULIET}' to='${BALCONY}'/>`);
    }
  }
});

test('XEP-0280 §5: copies end when the client disables carbons, and begin when it enables them again', async (t) => {
  const there = await scene(t);
  const [balcony, romeo] = await loginAll(there, { [BALCONY]: {}, [ROMEO]: {}, [CHAMBER]: {} });
  const says = (text: string) =>
    romeo!.send(`<message type='chat' to='${CHAMBER}'><body>${text}</body></message>`);
  says('1');
  await balcony!.receives(copy('received', BALCONY, chat(ROMEO, CHAMBER, '1')));
  await asks(balcony!, 'disable');
  says('2');
  await drain(romeo!);
  await balcony!.receivesNothing();
  await asks(balcony!, 'enable');
  says('3');
  await balcony!.receives(copy('received', BALCONY, chat(ROMEO, CHAMBER, '3')));
});

test('XEP-0280 §4.1, §5.1: requests for another account are not allowed, whether it exists or not', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, nurse] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [NURSE]: {} });
  for (const name of ['enable', 'disable']) {
    for (const account of [JULIET, 'nobody@capulet.lit']) {
      nurse!.send(`<iq type='set' id='c' to='${account}'><${name} ${CARBONS}/></iq>`);
      await nurse!.receives(notAllowed(account, NURSE));
    }
  }
  nurse!.send(`<message type='chat' to='${CHAMBER}'><body>Madam!</body></message>`);
  await balcony!.receives(copy('received', BALCONY, chat(NURSE, CHAMBER, 'Madam!')));
  await chamber!.receives(chat(NURSE, CHAMBER, 'Madam!'));
});

test('XEP-0280 §4.1: a request in the name of the account that no client has sent is not allowed', async (t) => {
  const there = await scene(t);
  const { router } = there.test.server;
  const { hooks, origin } = router.hosts.get('capulet.lit')!;
  const errors: string[] = [];
  hooks.add('iq/self', ({ stanza }) => void errors.push(`${stanza.getChild('error')}`), 'observe', 'test');
  const request = `<iq type='set' id='c' from='${JULIET}' to='${JULIET}'><enable ${CARBONS}/></iq>`;
  router.route(parseXml(request), origin);
  await there.idle();
  assert.match(errors.at(-1) ?? '', /not-allowed/);
});

test('the state of a client survives a reload of the module', async (t) => {
  const there = await scene(t);
  const [balcony, romeo] = await loginAll(there, {
    [BALCONY]: {},
    [ROMEO]: {},
    [CHAMBER]: { carbons: false },
  });
  await reloadModule(there.test, 'carbons');
  romeo!.send(`<message type='chat' to='${CHAMBER}'><body>Hist!</body></message>`);
  await balcony!.receives(copy('received', BALCONY, chat(ROMEO, CHAMBER, 'Hist!')));
});

test('XEP-0198 §5: a sleeping session gets copies, and a resumed one goes on to get them', async (t) => {
  const there = await scene(t);
  const { client, id } = await there.available(BALCONY);
  await asks(client, 'enable');
  const chamber = await login(there, CHAMBER);
  const romeo = await login(there, ROMEO);
  client.send(`<a ${SM} h='${there.sent(BALCONY)}'/>`);
  await there.turns();
  await there.loses(client);
  romeo.send(`<message type='chat' to='${CHAMBER}'><body>1</body></message>`);
  chamber.send(`<message type='chat' to='${ROMEO}'><body>2</body></message>`);
  await drain(chamber);

  const back = await there.returning(BALCONY, id, there.management(BALCONY).outbound.acknowledged);
  await back.receives(`<resumed ${SM} previd='${id}' h='2'/>`);
  await back.receives(copy('received', BALCONY, chat(ROMEO, CHAMBER, '1')));
  await back.receives(copy('sent', BALCONY, chat(CHAMBER, ROMEO, '2')));
  romeo.send(`<message type='chat' to='${CHAMBER}'><body>3</body></message>`);
  await back.receives(copy('received', BALCONY, chat(ROMEO, CHAMBER, '3')));
});

test('a saved session still wants copies in the next process; one that does not, saves nothing', async (t) => {
  const there = await scene(t);
  const { client } = await there.available(BALCONY);
  const { client: hall } = await there.available(HALL);
  await asks(client, 'enable');
  await asks(hall, 'enable');
  await asks(hall, 'disable');
  const [balcony, other] = [BALCONY, HALL].map((jid) => (there.session(jid) as RealSession).record());
  assert.equal(balcony!.parts.carbons, true);
  assert.ok(!('carbons' in other!.parts));

  const next = await scene(t);
  const host = next.test.server.router.hosts.get('capulet.lit')!;
  await host.ready('juliet');
  RealSession.asleep(JSON.parse(JSON.stringify(balcony)), host, next.test.server);
  assert.equal(next.session(BALCONY)?.state.carbons, true);
});
