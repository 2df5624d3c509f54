// Requests for data of a user or of administrators by others: users of this and of another server, and components.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScriptedClient } from '../support/client.ts';
import { ScriptedComponent, SECRET } from '../support/component.ts';
import { type Network, network } from '../support/network.ts';

const MODULES = ['dialback', 'roster', 'presence', 'message', 'private', 'adhoc', 'disco', 'offline'];
const COMMANDS = 'http://jabber.org/protocol/commands';
const JULIET = 'juliet@montague.lit';

/** Requests that only the user, or only administrators, may send. */
const REQUESTS: readonly [what: string, to: string, type: string, payload: string][] = [
  ['a roster', JULIET, 'get', `<query xmlns='jabber:iq:roster'/>`],
  [
    'a change of a roster',
    JULIET,
    'set',
    `<query xmlns='jabber:iq:roster'><item jid='tybalt@capulet.lit'/></query>`,
  ],
  ['private data', JULIET, 'get', `<query xmlns='jabber:iq:private'><s xmlns='secret'/></query>`],
  [
    'a change of private data',
    JULIET,
    'set',
    `<query xmlns='jabber:iq:private'><s xmlns='secret'>no</s></query>`,
  ],
  ['the roster of the host', 'montague.lit', 'get', `<query xmlns='jabber:iq:roster'/>`],
  ['a command', 'montague.lit', 'set', `<command xmlns='${COMMANDS}' node='enjamb:user-list'/>`],
  [
    'a command with arguments',
    'montague.lit',
    'set',
    `<command xmlns='${COMMANDS}' node='enjamb:user-passwd' action='execute'><x xmlns='jabber:x:data' type='submit'>
      <field var='jid'><value>${JULIET}</value></field><field var='password'><value>mine</value></field>
    </x></command>`,
  ],
];

const PLAYS = 'plays.montague.lit';

/** A connected client or component that may send stanzas. */
async function stranger(net: Network, kind: string): Promise<ScriptedClient> {
  if (kind === 'a component') return ScriptedComponent.serving(net.of('montague.lit'), PLAYS);
  return net.client(kind === 'a user of this server' ? 'tybalt@montague.lit/x' : 'tybalt@capulet.lit/x');
}

for (const kind of ['a user of this server', 'a user of another server', 'a component']) {
  test(`XEP-0049 §2, RFC 6121 §2.1.5, XEP-0050 §5: ${kind} cannot read or change data of a user or the server`, async (t) => {
    const modules = `modules_enabled = ${JSON.stringify(MODULES)}`;
    const component = `[hosts."${PLAYS}"]\ncomponent = "external"\ncomponent_secret = "${SECRET}"`;
    const net = await network(t, {
      montague: `${modules}\nadmins = ["boss@montague.lit"]\n[hosts."montague.lit"]\n${component}`,
      capulet: `${modules}\n[hosts."capulet.lit"]`,
    });
    const juliet = await net.client(`${JULIET}/balcony`);
    juliet.send(
      `<iq type='set' id='s'><query xmlns='jabber:iq:private'><s xmlns='secret'>mine</s></query></iq>`,
    );
    juliet.send(
      `<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='romeo@x.lit'/></query></iq>`,
    );
    for (const id of ['s', 'r'])
      await juliet.receives(`<iq type='result' id='${id}' to='{any}' from='{any}'/>`);

    const tybalt = await stranger(net, kind);
    for (const [index, [what, to, type, payload]] of REQUESTS.entries()) {
      const from = kind === 'a component' ? `from='tybalt@${PLAYS}'` : '';
      tybalt.send(`<iq type='${type}' id='q${index}' to='${to}' ${from}>${payload}</iq>`);
      const answer = await tybalt.next();
      assert.deepEqual([answer.attrs.id, answer.attrs.type], [`q${index}`, 'error'], `${what}: ${answer}`);
      assert.doesNotMatch(`${answer}`, /mine<|romeo/, what);
    }
    juliet.send(`<iq type='get' id='s'><query xmlns='jabber:iq:private'><s xmlns='secret'/></query></iq>`);
    assert.match(`${await juliet.next()}`, /<s xmlns='secret'>mine<\/s>/);
    juliet.send(`<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>`);
    const roster = `${await juliet.next()}`;
    assert.match(roster, /romeo@x\.lit/);
    assert.doesNotMatch(roster, /tybalt/);
    await net.of('montague.lit').connect().login(`${JULIET}/again`);
  });
}
