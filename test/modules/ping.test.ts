import { test } from 'node:test';
import { startServer } from '../support/server.ts';

const CONFIG = `
modules_enabled = ["ping"]
[hosts."capulet.lit"]
[hosts."montague.lit"]
[hosts."rooms.capulet.lit"]
component = "muc"
modules_enabled = ["ping"]
`;
const JULIET = 'juliet@capulet.lit/balcony';
const ping = (to = '') => `<iq type='get' id='p'${to}><ping xmlns='urn:xmpp:ping'/></iq>`;
const unavailable = (from: string) =>
  `<iq type='error' from='${from}' to='${JULIET}'><error type='cancel'>
     <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`;

test('XEP-0199 §4.2: the server answers pings of a client to its own account, to the domain, and without an address', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const juliet = await server.client(JULIET);
  for (const [to, from] of [
    ['', 'juliet@capulet.lit'],
    [` to='juliet@capulet.lit'`, 'juliet@capulet.lit'],
    [` to='capulet.lit'`, 'capulet.lit'],
  ]) {
    juliet.send(ping(to));
    await juliet.receives(`<iq type='result' from='${from}' to='${JULIET}'/>`);
  }
});

test('XEP-0199 §4.3: the server answers pings of other servers and components to its domain', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const juliet = await server.client(JULIET);
  for (const domain of ['montague.lit', 'rooms.capulet.lit']) {
    juliet.send(ping(` to='${domain}'`));
    await juliet.receives(`<iq type='result' from='${domain}' to='${JULIET}'/>`);
  }
});

test('RFC 6120 §13.11: the answer to a ping does not reveal whether an account exists', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  await server.account('nurse@capulet.lit');
  const juliet = await server.client(JULIET);
  for (const to of ['nurse@capulet.lit', 'nobody@capulet.lit', 'nurse@capulet.lit/x']) {
    juliet.send(ping(` to='${to}'`));
    await juliet.receives(unavailable(to));
  }
});

test('XEP-0199 §4.4: clients ping each other by their full JIDs', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const juliet = await server.client(JULIET);
  const nurse = await server.client('nurse@capulet.lit/hall');
  juliet.send(ping(` to='nurse@capulet.lit/hall'`));
  await nurse.receives(
    `<iq type='get' id='p' from='${JULIET}' to='nurse@capulet.lit/hall'><ping xmlns='urn:xmpp:ping'/></iq>`,
  );
});
