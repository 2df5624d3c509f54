import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configured, form, HALL, joined, roomServer, roomWith, settled, USER } from './rooms.ts';

const ID = `<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>`;
const refusedBy = (type: string, condition: string) => `
  <error type='${type}' by='${HALL}'>
    <${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
    <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text>
  </error>`;

test('XEP-0045 §7.4: all occupants get a message with its id, language and extensions', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  await settled(romeo);
  juliet.send(`
    <message to='${HALL}' type='groupchat' id='m1' xml:lang='it'>
      <body>Ahimè!</body>
      <html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p>Ahimè!</p></body></html>
    </message>`);
  for (const client of [romeo, juliet]) {
    const message = await client.receives(`
      <message from='${HALL}/Juliet' to='${client.jid}' type='groupchat'>
        <body>Ahimè!</body>
        <html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p>Ahimè!</p></body></html>
        ${ID}
      </message>`);
    assert.deepEqual([message.attrs.id, message.attrs['xml:lang']], ['m1', 'it']);
  }
});

test('XEP-0045 §7.4: a client outside the room gets not-acceptable, and no occupant gets its message', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  juliet.send(`<message to='${HALL}' type='groupchat' id='m1'><body>hello</body></message>`);
  await juliet.receives(`
    <message type='error' from='${HALL}' to='${juliet.jid}' id='m1'>${refusedBy('cancel', 'not-acceptable')}</message>`);
  await romeo.receivesNothing();
});

test('XEP-0045 §7.4: a visitor of a moderated room gets forbidden, and no occupant gets its message', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_moderatedroom': '1' });
  await joined(juliet, 'Juliet');
  await settled(romeo);
  juliet.send(`<message to='${HALL}' type='groupchat' id='m1'><body>hello</body></message>`);
  await juliet.receives(`
    <message type='error' from='${HALL}' to='${juliet.jid}' id='m1'>${refusedBy('auth', 'forbidden')}</message>`);
  await romeo.receivesNothing();
});

test('XEP-0045 §17.2: a message to a room that does not exist gets item-not-found', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  romeo.send(`<message to='${HALL}' type='groupchat' id='m1'><body>hello</body></message>`);
  await romeo.receives(`
    <message type='error' from='${HALL}' to='${romeo.jid}' id='m1'>${refusedBy('cancel', 'item-not-found')}</message>`);
});

test('XEP-0045 §17.2: a room refuses text of a type other than groupchat, and drops chat states and receipts', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  romeo.send(
    `<message to='${HALL}' type='chat' id='m1'><active xmlns='http://jabber.org/protocol/chatstates'/></message>`,
  );
  romeo.send(`<message to='${HALL}' type='chat' id='m2'><body>hello</body></message>`);
  await romeo.receives(`
    <message type='error' from='${HALL}' to='${romeo.jid}' id='m2'>${refusedBy('modify', 'bad-request')}</message>`);
});

test('a room removes delay stamps, occupant ids and muc#user elements that a client forges', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  romeo.send(`
    <message to='${HALL}' type='groupchat' id='m1'>
      <body>hello</body>
      <delay xmlns='urn:xmpp:delay' from='${HALL}' stamp='2000-01-01T00:00:00Z'/>
      <stanza-id xmlns='urn:xmpp:sid:0' by='${HALL}' id='x'/>
      <x xmlns='${USER}'><status code='104'/></x>
      <occupant-id xmlns='urn:xmpp:occupant-id:0' id='x'/>
      <origin-id xmlns='urn:xmpp:sid:0' id='mine'/>
    </message>`);
  const message = await romeo.receives(`
    <message from='${HALL}/Romeo' to='${romeo.jid}' type='groupchat'>
      <body>hello</body><origin-id xmlns='urn:xmpp:sid:0' id='mine'/>${ID}
    </message>`);
  assert.notEqual(message.getChild('occupant-id', 'urn:xmpp:occupant-id:0')?.attrs.id, 'x');
});

test('XEP-0203 §4, XEP-0359 §6: a room removes stamps in its own name in every spelling of its address', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  romeo.send(`
    <message to='${HALL}' type='groupchat' id='m'>
      <body>Hello</body>
      <stanza-id xmlns='urn:xmpp:sid:0' by='hall@ROOMS.localhost' id='1'/>
      <stanza-id xmlns='urn:xmpp:sid:0' by='Hall@rooms.localhost.' id='2'/>
      <delay xmlns='urn:xmpp:delay' from='HALL@rooms.localhost' stamp='2000-01-01T00:00:00Z'/>
      <x xmlns='jabber:x:delay' from='hall@Rooms.Localhost' stamp='20000101T00:00:00'/>
      <stanza-id xmlns='urn:xmpp:sid:0' by='other@rooms.localhost' id='3'/>
    </message>`);
  await romeo.receives(`
    <message type='groupchat' from='${HALL}/Romeo' to='${romeo.jid}' id='m'>
      <body>Hello</body>
      <stanza-id xmlns='urn:xmpp:sid:0' by='other@rooms.localhost' id='3'/>${ID}
    </message>`);
});

test('XEP-0045 §8.1: moderators change the subject; participants only where the configuration allows it', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  await settled(romeo);
  const change = `<message to='${HALL}' type='groupchat' id='s1'><subject>Balconies</subject></message>`;
  juliet.send(change);
  await juliet.receives(`
    <message type='error' from='${HALL}' to='${juliet.jid}' id='s1'>${refusedBy('auth', 'forbidden')}</message>`);
  await romeo.receivesNothing();
  await configured(romeo, { 'muc#roomconfig_changesubject': '1' });
  await settled(juliet);
  juliet.send(change);
  for (const client of [romeo, juliet]) {
    await client.receives(`
      <message type='groupchat' from='${HALL}/Juliet' to='${client.jid}' id='s1'><subject>Balconies</subject>${ID}</message>`);
  }
});

test('XEP-0045 §8.1: a message with a subject and a body or thread does not change the subject', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  romeo.send(`<message to='${HALL}' type='groupchat'><subject>a</subject><body>b</body></message>`);
  romeo.send(`<message to='${HALL}' type='groupchat'><subject>a</subject><thread>t</thread></message>`);
  await settled(romeo);
  const seen = await joined(juliet, 'Juliet');
  // joined() stops at the message with subject and body in the history.
  assert.equal(seen.at(-1)?.getChildText('body'), 'b');
  await juliet.receives(`<message type='groupchat' from='${HALL}' to='${juliet.jid}'><subject/></message>`);
});

test('XEP-0045 §7.2.15: a removed subject is sent as an empty one with its time', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  romeo.send(`<message to='${HALL}' type='groupchat'><subject>a</subject></message>`);
  romeo.send(`<message to='${HALL}' type='groupchat'><subject/></message>`);
  await settled(romeo);
  const seen = await joined(juliet, 'Juliet');
  assert.equal(seen.at(-1)?.getChildText('subject'), '');
  assert.equal(seen.at(-1)?.getChild('delay', 'urn:xmpp:delay')?.attrs.from, HALL);
});

test('XEP-0045 §7.5: a private message comes from the occupant JID and contains the muc#user marker', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  await settled(romeo);
  juliet.send(`
    <message to='${HALL}/Romeo' type='chat' id='p1'>
      <body>psst</body><x xmlns='${USER}'><status code='104'/></x>
    </message>`);
  await romeo.receives(`
    <message from='${HALL}/Juliet' to='${romeo.jid}' type='chat' id='p1'>
      <body>psst</body><x xmlns='${USER}'/>${ID}
    </message>`);
  await juliet.receivesNothing();
});

test('XEP-0045 §7.5: a room refuses private messages to unknown nicks, from outside, and of type groupchat', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  const nurse = await server.client('nurse@localhost/house');
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  await settled(romeo);
  juliet.send(`<message to='${HALL}/Romeo' type='groupchat' id='p1'><body>psst</body></message>`);
  await juliet.receives(`
    <message type='error' from='${HALL}/Romeo' to='${juliet.jid}' id='p1'>${refusedBy('modify', 'bad-request')}</message>`);
  juliet.send(`<message to='${HALL}/Tybalt' type='chat' id='p2'><body>psst</body></message>`);
  await juliet.receives(`
    <message type='error' from='${HALL}/Tybalt' to='${juliet.jid}' id='p2'>${refusedBy('cancel', 'item-not-found')}</message>`);
  nurse.send(`<message to='${HALL}/Romeo' type='chat' id='p3'><body>psst</body></message>`);
  await nurse.receives(`
    <message type='error' from='${HALL}/Romeo' to='${nurse.jid}' id='p3'>${refusedBy('cancel', 'not-acceptable')}</message>`);
  await romeo.receivesNothing();
});

test('XEP-0045 §7.5: muc#roomconfig_allowpm determines who may send private messages', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_allowpm': 'moderators' });
  await joined(juliet, 'Juliet');
  await settled(romeo);
  juliet.send(`<message to='${HALL}/Romeo' type='chat' id='p1'><body>psst</body></message>`);
  await juliet.receives(`
    <message type='error' from='${HALL}/Romeo' to='${juliet.jid}' id='p1'>${refusedBy('auth', 'forbidden')}</message>`);
  romeo.send(`<message to='${HALL}/Juliet' type='chat' id='p2'><body>psst</body></message>`);
  assert.equal((await juliet.next()).attrs.id, 'p2');
});

test('XEP-0045 §7.13, §8.6: a visitor requests voice, and a moderator grants it', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_moderatedroom': '1' });
  await joined(juliet, 'Juliet');
  await settled(romeo);
  const request = { FORM_TYPE: 'http://jabber.org/protocol/muc#request', 'muc#role': 'participant' };
  juliet.send(`<message to='${HALL}'>${form(request)}</message>`);
  const question = await romeo.next();
  const asked = Object.fromEntries(
    question
      .getChild('x', 'jabber:x:data')!
      .getChildren('field')
      .map((field) => [field.attrs.var, field.getChildText('value')]),
  );
  assert.deepEqual(asked, {
    ...request,
    'muc#jid': juliet.jid,
    'muc#roomnick': 'Juliet',
    'muc#request_allow': '0',
  });
  romeo.send(
    `<message to='${HALL}'>${form({ ...(asked as Record<string, string>), 'muc#request_allow': '1' })}</message>`,
  );
  await juliet.receives(`
    <presence from='${HALL}/Juliet' to='${juliet.jid}'>
      <x xmlns='${USER}'><item affiliation='none' role='participant' jid='${juliet.jid}'><actor nick='Romeo'/></item><status code='110'/></x>${ID}
    </presence>`);
});

test('XEP-0045 §8.6: a visitor cannot approve its own request', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_moderatedroom': '1' });
  await joined(juliet, 'Juliet');
  await settled(romeo);
  const approval = {
    FORM_TYPE: 'http://jabber.org/protocol/muc#request',
    'muc#role': 'participant',
    'muc#jid': juliet.jid,
    'muc#roomnick': 'Juliet',
    'muc#request_allow': '1',
  };
  juliet.send(`<message to='${HALL}' id='v'>${form(approval)}</message>`);
  const refused = await juliet.next();
  assert.ok(refused.getChild('error')?.getChild('forbidden', 'urn:ietf:params:xml:ns:xmpp-stanzas'));
  await romeo.receivesNothing();
});
