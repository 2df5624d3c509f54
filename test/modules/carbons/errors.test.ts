// XEP-0280 §6.1: an error is copied if it answers an eligible message.

import { test } from 'node:test';
import { reloadModule, settled } from '../../support/contacts.ts';
import { BALCONY, CARBONS, CHAMBER, copy, drain, JULIET, loginAll, ROMEO, scene } from './scene.ts';

const MINUTE = 60_000;
const message = (id: string, to: string, more = '') =>
  `<message type='chat' id='${id}' to='${to}'><body>Hi</body>${more}</message>`;
const refusal = `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
const error = (id: string, from: string, to: string, more = '') =>
  `<message type='error' id='${id}' from='${from}' to='${to}'>${more}${refusal}</message>`;

test('K1: the error for an eligible message, of this server or of the recipient, is copied to the other clients', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, romeo] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [ROMEO]: {} });
  balcony!.send(message('m1', 'nobody@capulet.lit'));
  await chamber!.skipUntil(({ attrs }) => attrs.type === 'chat');
  await balcony!.receives(error('m1', 'nobody@capulet.lit', BALCONY));
  await chamber!.receives(copy('received', CHAMBER, error('m1', 'nobody@capulet.lit', BALCONY)));
  balcony!.send(message('m2', 'romeo@capulet.lit'));
  await chamber!.next();
  await romeo!.next();
  // §6.1 demands an answer to the message: any resource of the recipient may give it.
  romeo!.send(error('m2', ROMEO, BALCONY));
  await balcony!.receives(error('m2', ROMEO, BALCONY));
  await chamber!.receives(copy('received', CHAMBER, error('m2', ROMEO, BALCONY)));
});

test('K1: an error with another id, from another address, or for a message that was not eligible is not copied', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, romeo, nurse] = await loginAll(there, {
    [BALCONY]: {},
    [CHAMBER]: {},
    [ROMEO]: {},
    'nurse@capulet.lit/garden': {},
  });
  balcony!.send(message('m1', ROMEO));
  balcony!.send(message('m2', ROMEO, `<private ${CARBONS}/>`));
  balcony!.send(`<message type='headline' id='m3' to='${ROMEO}'><body>Hi</body></message>`);
  await drain(chamber!);
  for (const id of ['other', 'm2', 'm3']) romeo!.send(error(id, ROMEO, BALCONY));
  romeo!.send(`<message type='error' to='${BALCONY}'>${refusal}</message>`);
  romeo!.send(error('m1', ROMEO, BALCONY, `<private ${CARBONS}/>`));
  nurse!.send(error('m1', 'nurse@capulet.lit/garden', BALCONY));
  await settled(nurse!, chamber!);
  for (let i = 0; i < 6; i++) await balcony!.next();
});

test('the error for a message to a client of the own account that is gone is copied as received', async (t) => {
  const there = await scene(t);
  const [balcony, chamber] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {} });
  balcony!.send(`<message id='m1' to='${JULIET}/gone'><body>Hi</body></message>`);
  const refused = error('m1', `${JULIET}/gone`, BALCONY);
  await balcony!.receives(refused);
  await chamber!.receives(copy('received', CHAMBER, refused));
  await settled(balcony!, chamber!);
});

test('XEP-0334 §5: hints in an error are those of the original message, and do not count', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, romeo] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [ROMEO]: {} });
  balcony!.send(message('m1', ROMEO));
  await drain(chamber!);
  const echoed = error('m1', ROMEO, BALCONY, `<no-copy xmlns='urn:xmpp:hints'/>`);
  romeo!.send(echoed);
  await chamber!.receives(copy('received', CHAMBER, echoed));
});

test('XEP-0280 §7: the error is copied too if the client that has sent the message is gone, or the error is for the account', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, romeo] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [ROMEO]: {} });
  balcony!.send(message('m1', ROMEO));
  await drain(chamber!);
  romeo!.send(error('m1', ROMEO, JULIET));
  await chamber!.receives(copy('received', CHAMBER, error('m1', ROMEO, JULIET)));
  balcony!.send('</stream:stream>');
  await chamber!.skipUntil(`<presence type='unavailable' from='${BALCONY}' to='${JULIET}'/>`);
  romeo!.send(error('m1', ROMEO, BALCONY));
  await chamber!.receives(copy('received', CHAMBER, error('m1', ROMEO, BALCONY)));
});

test('K1: errors are copied for ten minutes, also after a reload of the module', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, romeo] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [ROMEO]: {} });
  balcony!.send(message('m1', ROMEO));
  await drain(chamber!);
  await there.clock.advance(9 * MINUTE);
  await reloadModule(there.test, 'carbons');
  romeo!.send(error('m1', ROMEO, BALCONY));
  await chamber!.receives(copy('received', CHAMBER, error('m1', ROMEO, BALCONY)));
  await there.clock.advance(MINUTE + 1);
  romeo!.send(error('m1', ROMEO, BALCONY));
  await drain(romeo!);
  await settled(chamber!);
});

test('the next owner of an account name gets no copies of errors for the messages of the former one', async (t) => {
  const there = await scene(t);
  const [balcony, romeo] = await loginAll(there, { [BALCONY]: {}, [ROMEO]: {}, [CHAMBER]: {} });
  balcony!.send(message('m1', ROMEO));
  await drain(balcony!);
  await there.test.server.commands.run('user delete', { jid: JULIET }, { by: 'test' });
  await there.idle();
  const [, chamber] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {} });
  romeo!.send(error('m1', ROMEO, BALCONY));
  await drain(romeo!);
  await settled(chamber!);
});
