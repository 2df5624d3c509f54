import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { resultElements } from '../../../modules/adhoc/result.ts';
import { string } from '../../../src/config/options.ts';
import type { Element } from '../../../src/xml/element.ts';
import type { Jid } from '../../../src/xml/jid.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { startServer, type TestServer } from '../../support/server.ts';

const COMMANDS = 'http://jabber.org/protocol/commands';
const FORMS = 'jabber:x:data';
const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';

interface Scene {
  readonly server: TestServer;
  readonly clock: FakeClock;
  readonly admin: ScriptedClient;
}

/** montague.lit and verona.lit. Romeo administers both, Mercutio only montague.lit, others none. */
async function scene(t: TestContext): Promise<Scene> {
  const clock = new FakeClock();
  const server = await startServer(t, {
    clock,
    config: `
      admins = ["romeo@montague.lit"]
      [hosts."montague.lit"]
      admins = ["romeo@montague.lit", "mercutio@montague.lit"]
      modules_enabled = ["adhoc", "track_muc_joins", "ping_muc"]
      [hosts."verona.lit"]
      modules_enabled = ["adhoc", "message", "track_muc_joins"]
      [hosts."rooms.montague.lit"]
      component = "muc"
      modules_enabled = ["adhoc"]
    `,
  });
  return { server, clock, admin: await server.client('romeo@montague.lit/orchard') };
}

let count = 0;

/** Sends a request and returns the answer. */
async function ask(
  client: ScriptedClient,
  type: 'get' | 'set',
  payload: string,
  to = 'montague.lit',
): Promise<Element> {
  const id = `q${++count}`;
  client.send(`<iq type='${type}' id='${id}' to='${to}'>${payload}</iq>`);
  return client.skipUntil((element) => element.attrs.id === id);
}

function command(node: string, attributes = '', payload = ''): string {
  return `<command xmlns='${COMMANDS}' node='${node}' ${attributes}>${payload}</command>`;
}

async function execute(client: ScriptedClient, text: string, to?: string): Promise<Element> {
  const answer = await ask(client, 'set', text, to);
  const found = answer.getChild('command', COMMANDS);
  assert.ok(found, `${answer}`);
  return found;
}

function submit(fields: Record<string, string>, type = 'submit'): string {
  const elements = Object.entries(fields).map(
    ([name, value]) => `<field var='${name}'><value>${value}</value></field>`,
  );
  return `<x xmlns='${FORMS}' type='${type}'>${elements.join('')}</x>`;
}

async function nodes(client: ScriptedClient, to?: string): Promise<string[]> {
  const answer = await ask(client, 'get', `<query xmlns='${ITEMS}' node='${COMMANDS}'/>`, to);
  return (answer.getChild('query', ITEMS)?.getChildren('item') ?? []).map(({ attrs }) => attrs.node ?? '');
}

function conditions(answer: Element): string[] {
  assert.equal(answer.attrs.type, 'error', `${answer}`);
  return (answer.getChild('error')?.elements() ?? [])
    .map(({ name }) => name)
    .filter((name) => name !== 'text');
}

function notes(answer: Element): string[] {
  return answer.getChildren('note').map((note) => `${note.attrs.type}: ${note.text()}`);
}

test('XEP-0050 §2.1, §2.2: administrators get the list of commands, other users an empty list', async (t) => {
  const { server, admin } = await scene(t);
  const features = await ask(admin, 'get', `<query xmlns='${INFO}'/>`);
  const found = features.getChild('query', INFO)!.getChildren('feature');
  assert.ok(found.some(({ attrs }) => attrs.var === COMMANDS));
  const list = await nodes(admin);
  for (const node of [
    'joins',
    'joins-probe',
    's2s-list',
    's2s-close',
    's2s-ping',
    'user-add',
    'rooms-list',
    'metrics',
  ])
    assert.ok(list.includes(`enjamb:${node}`), node);
  const juliet = await server.client('juliet@montague.lit/balcony');
  assert.deepEqual(await nodes(juliet), []);
});

test('XEP-0050 §2.2: each command describes itself to its users; others get forbidden', async (t) => {
  const { server, admin } = await scene(t);
  const query = `<query xmlns='${INFO}' node='enjamb:s2s-list'/>`;
  const info = (await ask(admin, 'get', query)).getChild('query', INFO)!;
  const { category, type, name } = info.getChild('identity')!.attrs;
  assert.deepEqual([category, type], ['automation', 'command-node']);
  assert.match(name ?? '', /^s2s list: /);
  assert.deepEqual(
    info.getChildren('feature').map(({ attrs }) => attrs.var),
    [COMMANDS, FORMS],
  );
  const juliet = await server.client('juliet@montague.lit/balcony');
  assert.deepEqual(conditions(await ask(juliet, 'get', query)), ['forbidden']);
  assert.deepEqual(conditions(await ask(juliet, 'set', command('enjamb:s2s-list'))), ['forbidden']);
  assert.deepEqual(conditions(await ask(juliet, 'set', command('enjamb:no-such'))), ['forbidden']);
  assert.deepEqual(conditions(await ask(admin, 'set', command('enjamb:no-such'))), ['item-not-found']);
  assert.deepEqual(conditions(await ask(admin, 'get', `<query xmlns='${INFO}' node='enjamb:no-such'/>`)), [
    'item-not-found',
  ]);
});

test('commands that load code are not offered over XMPP', async (t) => {
  const { admin } = await scene(t);
  const list = await nodes(admin);
  assert.deepEqual(
    list.filter((node) => node.startsWith('enjamb:module')),
    ['enjamb:module-list'],
  );
  assert.deepEqual(conditions(await ask(admin, 'set', command('enjamb:module-unload'))), ['item-not-found']);
});

test('an administrator of one host gets the commands of that host only', async (t) => {
  const { server } = await scene(t);
  // A command with an argument for the host is not limited to this host.
  const vault = { name: 'vault', summary: 'Opens', args: { host: string('Where') }, run: () => ({}) };
  server.server.commands.register(vault, 'montague.lit');
  const mercutio = await server.client('mercutio@montague.lit/street');
  const list = await nodes(mercutio);
  assert.ok(list.includes('enjamb:joins') && list.includes('enjamb:joins-probe'), list.join());
  assert.equal(
    list.some((node) => /user|s2s|metrics|module|rooms|vault/.test(node)),
    false,
    list.join(),
  );
  assert.deepEqual(await nodes(mercutio, 'verona.lit'), []);
  assert.deepEqual(await nodes(mercutio, 'rooms.montague.lit'), []);
});

test('a command that several hosts offer affects only the host of its administrator', async (t) => {
  const { server, admin } = await scene(t);
  const paris = await server.client('paris@verona.lit/tomb');
  paris.send(
    `<presence to='hall@rooms.montague.lit/Paris'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
  );
  await paris.skipUntil((element) => element.attrs.from === 'hall@rooms.montague.lit/Paris');
  const rows = async (client: ScriptedClient) => {
    const { attrs } = await execute(client, command('enjamb:joins'));
    // The form had no field with this name, so it must be ignored.
    const form = submit({ host: 'verona.lit' });
    const done = await execute(client, command('enjamb:joins', `sessionid='${attrs.sessionid}'`, form));
    return done.getChild('x', FORMS)?.getChildren('item').length ?? 0;
  };
  assert.equal(await rows(admin), 1);
  assert.equal(await rows(await server.client('mercutio@montague.lit/street')), 0);
});

test('commands for users are offered to those who may use them', async (t) => {
  const { server } = await scene(t);
  const node = 'urn:x:greet';
  const greet = {
    name: 'greet',
    summary: 'Greets',
    args: {},
    run: (_: unknown, { by }: { by: string }) => ({ text: `hello ${by}` }),
  };
  const item = { node, command: greet, mayUse: (asker: Jid) => asker.local === 'juliet' };
  server.server.router.hosts.get('montague.lit')!.items.add('adhoc-command', item);
  const juliet = await server.client('juliet@montague.lit/balcony');
  assert.deepEqual(await nodes(juliet), [node]);
  assert.deepEqual(notes(await execute(juliet, command(node))), ['info: hello juliet@montague.lit/balcony']);
  const tybalt = await server.client('tybalt@montague.lit/street');
  assert.deepEqual(await nodes(tybalt), []);
  assert.deepEqual(conditions(await ask(tybalt, 'set', command(node))), ['forbidden']);
});

test('a component offers its commands to its administrators', async (t) => {
  const { admin } = await scene(t);
  const list = await nodes(admin, 'rooms.montague.lit');
  assert.ok(list.includes('enjamb:rooms-list'), list.join());
  assert.equal(list.includes('enjamb:user-add'), false);
});

test('XEP-0050 §2.4.1: a command without arguments completes immediately; a table is a form with reported fields', async (t) => {
  const { admin } = await scene(t);
  const first = await execute(admin, command('enjamb:rooms-create', "action='execute'"));
  const done = await execute(
    admin,
    command(
      'enjamb:rooms-create',
      `sessionid='${first.attrs.sessionid}'`,
      submit({ room: 'hall@rooms.montague.lit', owner: 'romeo@montague.lit' }),
    ),
  );
  assert.deepEqual(notes(done), ['info: hall@rooms.montague.lit created']);
  const list = await execute(admin, command('enjamb:rooms-list'));
  assert.equal(list.attrs.status, 'completed');
  const form = list.getChild('x', FORMS)!;
  assert.equal(form.attrs.type, 'result');
  const columns = form
    .getChild('reported')!
    .getChildren('field')
    .map(({ attrs }) => attrs.var);
  assert.deepEqual(columns, ['room', 'name', 'clients', 'persistent', 'public', 'locked']);
  const cells = form
    .getChild('item')!
    .getChildren('field')
    .map((field) => field.getChildText('value'));
  assert.deepEqual(cells.slice(0, 4), ['hall@rooms.montague.lit', '', '0', 'yes']);
});

test('XEP-0050 §2.4.2: a form requests the arguments, and secrets in private fields', async (t) => {
  const { server, admin } = await scene(t);
  const first = await execute(admin, command('enjamb:user-add'));
  assert.equal(first.attrs.status, 'executing');
  assert.equal(first.getChild('actions')?.attrs.execute, 'complete');
  assert.ok(first.getChild('actions')?.getChild('complete'));
  const fields = first.getChild('x', FORMS)!.getChildren('field');
  assert.deepEqual(
    fields.map(({ attrs }) => [attrs.var, attrs.type]),
    [
      ['jid', 'text-single'],
      ['password', 'text-private'],
    ],
  );
  assert.ok(fields.every((field) => field.getChild('required')));
  const done = await execute(
    admin,
    command(
      'enjamb:user-add',
      `sessionid='${first.attrs.sessionid}' action='complete'`,
      submit({ jid: 'tybalt@montague.lit', password: ' s p ' }),
    ),
  );
  assert.deepEqual([done.attrs.status, done.attrs.sessionid], ['completed', first.attrs.sessionid]);
  assert.deepEqual(notes(done), ['info: tybalt@montague.lit created']);
  await server.connect().login('tybalt@montague.lit/x', ' s p ');
});

test('a form with wrong arguments returns with its values but without secrets, and may be sent again', async (t) => {
  const { admin } = await scene(t);
  const first = await execute(admin, command('enjamb:user-add'));
  const session = `sessionid='${first.attrs.sessionid}'`;
  const again = await execute(
    admin,
    command('enjamb:user-add', session, submit({ jid: 'not @ll right', password: 'secret' })),
  );
  assert.deepEqual([again.attrs.status, again.attrs.sessionid], ['executing', first.attrs.sessionid]);
  assert.match(notes(again).join(), /^error: user add: jid: expected an address/);
  const values = again
    .getChild('x', FORMS)!
    .getChildren('field')
    .map((field) => field.getChildText('value') ?? undefined);
  assert.deepEqual(values, ['not @ll right', undefined]);
  const done = await execute(
    admin,
    command(
      'enjamb:user-add',
      `${session} action='next'`,
      submit({ jid: 'tybalt@montague.lit', password: 'x' }),
    ),
  );
  assert.equal(done.attrs.status, 'completed');
});

test('XEP-0050 §3.6: a command that fails completes with a note of type error', async (t) => {
  const { admin } = await scene(t);
  const first = await execute(admin, command('enjamb:user-delete'));
  const done = await execute(
    admin,
    command(
      'enjamb:user-delete',
      `sessionid='${first.attrs.sessionid}'`,
      submit({ jid: 'nobody@montague.lit' }),
    ),
  );
  assert.equal(done.attrs.status, 'completed');
  assert.deepEqual(notes(done), ['error: there is no account nobody@montague.lit']);
});

test('XEP-0050 §2.4.3: cancelling ends the session', async (t) => {
  const { admin } = await scene(t);
  const { attrs } = await execute(admin, command('enjamb:joins'));
  const session = `sessionid='${attrs.sessionid}'`;
  const canceled = await execute(admin, command('enjamb:joins', `${session} action='cancel'`));
  assert.equal(canceled.attrs.status, 'canceled');
  assert.equal(canceled.elements().length, 0);
  assert.deepEqual(conditions(await ask(admin, 'set', command('enjamb:joins', session, submit({})))), [
    'not-allowed',
    'session-expired',
  ]);
});

test('XEP-0050 §4.4: each mistake of a client has its own condition', async (t) => {
  const { server, clock, admin } = await scene(t);
  const open = async () => `sessionid='${(await execute(admin, command('enjamb:joins'))).attrs.sessionid}'`;
  const refused = async (text: string, client = admin) => conditions(await ask(client, 'set', text));
  const joins = (attributes: string, payload = '') => command('enjamb:joins', attributes, payload);
  assert.deepEqual(await refused(joins(`action='dance'`)), ['bad-request', 'malformed-action']);
  assert.deepEqual(await refused(joins(`action='complete'`)), ['bad-request', 'bad-action']);
  assert.deepEqual(await refused(joins(`${await open()} action='prev'`)), ['bad-request', 'bad-action']);
  assert.deepEqual(await refused(joins(await open())), ['bad-request', 'bad-payload']);
  assert.deepEqual(await refused(command('enjamb:s2s-list', await open())), ['bad-request', 'bad-sessionid']);
  assert.deepEqual(await refused(joins(`sessionid='made-up'`, submit({}))), [
    'not-allowed',
    'session-expired',
  ]);
  const other = await server.client('romeo@montague.lit/garden');
  assert.deepEqual(await refused(joins(await open(), submit({})), other), ['not-allowed', 'session-expired']);
  const late = await open();
  await clock.advance(15 * 60_000);
  assert.deepEqual(await refused(joins(late, submit({}))), ['not-allowed', 'session-expired']);
});

test('a client has at most ten open forms; the next one replaces the oldest', async (t) => {
  const { admin } = await scene(t);
  const ids: (string | undefined)[] = [];
  for (let i = 0; i < 11; i++) ids.push((await execute(admin, command('enjamb:joins'))).attrs.sessionid);
  assert.equal(new Set(ids).size, 11);
  const answer = (id: string | undefined) =>
    ask(admin, 'set', command('enjamb:joins', `sessionid='${id}'`, submit({})));
  assert.deepEqual(conditions(await answer(ids[0])), ['not-allowed', 'session-expired']);
  assert.equal((await answer(ids[1])).attrs.type, 'result');
});

test('a form runs its command once, however often it is sent', async (t) => {
  const { admin } = await scene(t);
  const { attrs } = await execute(admin, command('enjamb:user-add'));
  const text = command(
    'enjamb:user-add',
    `sessionid='${attrs.sessionid}'`,
    submit({ jid: 'tybalt@montague.lit', password: 'x' }),
  );
  admin.send(
    `<iq type='set' id='one' to='montague.lit'>${text}</iq><iq type='set' id='two' to='montague.lit'>${text}</iq>`,
  );
  const answers = [await admin.next(), await admin.next()];
  const find = (id: string) => answers.find((answer) => answer.attrs.id === id)!;
  assert.equal(find('one').attrs.type, 'result');
  assert.deepEqual(conditions(find('two')), ['not-allowed', 'session-expired']);
});

test('ignores form fields with the names of built-in properties', async (t) => {
  const { admin } = await scene(t);
  const { attrs } = await execute(admin, command('enjamb:joins'));
  const form = submit({ constructor: 'x', toString: 'x', ['__proto__']: 'x', hasOwnProperty: 'x' });
  const done = await execute(admin, command('enjamb:joins', `sessionid='${attrs.sessionid}'`, form));
  assert.equal(done.attrs.status, 'completed');
});

test('a table that is too large for a stanza is truncated, with a note', () => {
  const rows = Array.from({ length: 5_000 }, (_, index) => ({
    index,
    text: 'x'.repeat(index < 2_000 ? 1 : 500),
  }));
  const [form, note] = resultElements('t', { rows });
  assert.equal(form?.getChildren('item').length, 1_000);
  assert.match(note?.text() ?? '', /^4000 more rows are omitted/);
  const [wide, other] = resultElements('t', { rows: rows.slice(2_000) });
  assert.ok(`${wide}`.length < 200_000);
  assert.match(other?.text() ?? '', /more rows are omitted/);
  const [lines, last] = resultElements('t', { text: 'line\n'.repeat(50_000) });
  assert.ok(`${lines}`.length < 1_000_000);
  assert.match(last?.text() ?? '', /is omitted/);
});

test('if several hosts offer a command, a user may choose one of them', async (t) => {
  const { admin } = await scene(t);
  const first = await execute(admin, command('enjamb:joins'));
  const host = first
    .getChild('x', FORMS)!
    .getChildren('field')
    .find(({ attrs }) => attrs.var === 'host')!;
  assert.equal(host.attrs.type, 'list-single');
  assert.deepEqual(
    host.getChildren('option').map((option) => option.getChildText('value')),
    ['montague.lit', 'verona.lit'],
  );
  const done = await execute(
    admin,
    command('enjamb:joins', `sessionid='${first.attrs.sessionid}'`, submit({ host: 'verona.lit', who: '' })),
  );
  assert.deepEqual(notes(done), ['info: none']);
});

test('text of several lines keeps its line breaks', async (t) => {
  const { admin } = await scene(t);
  const { attrs } = await execute(admin, command('enjamb:metrics'));
  assert.equal(attrs.status, 'completed');
  const done = await execute(admin, command('enjamb:metrics'));
  const field = done.getChild('x', FORMS)!.getChild('field')!;
  assert.equal(field.attrs.type, 'text-multi');
  const lines = field.getChildren('value').map((value) => value.text());
  assert.ok(lines.includes('# EOF'), lines.slice(-3).join());
});
