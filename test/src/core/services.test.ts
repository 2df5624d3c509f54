import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ScriptedComponent, SECRET } from '../../support/component.ts';
import { settled } from '../../support/duplex.ts';
import { startServer, type TestServer } from '../../support/server.ts';

const CONFIG = `
[hosts."capulet.lit"]
[hosts."montague.lit"]
[hosts."rooms.capulet.lit"]
component = "muc"
[hosts."plays.capulet.lit"]
component = "external"
component_secret = "${SECRET}"
`;

/** What each host with users is told, in order. */
async function listening(t: TestContext): Promise<{ net: TestServer; told: string[] }> {
  const net = await startServer(t, { config: CONFIG });
  const told: string[] = [];
  for (const { hooks, domain } of net.server.router.hosts.values()) {
    const note = (what: string, remote: string) => void told.push(`${domain}: ${what} ${remote}`);
    hooks.add('link-open', ({ remote }) => note('open', remote), 'observe', 'test');
    hooks.add('link-close', ({ remote, cause }) => note(`closed (${cause})`, remote), 'observe', 'test');
  }
  return { net, told };
}

function command({ server }: TestServer, name: string, module: string): Promise<unknown> {
  return server.commands.run(name, { name: module, host: 'rooms.capulet.lit' }, { by: 'test' });
}

test('notifies hosts with users when an external component connects and disconnects', async (t) => {
  const { net, told } = await listening(t);
  const component = await ScriptedComponent.serving(net, 'plays.capulet.lit');
  assert.deepEqual(told.splice(0), [
    'capulet.lit: open plays.capulet.lit',
    'montague.lit: open plays.capulet.lit',
  ]);
  component.drop();
  await settled();
  assert.deepEqual(told, [
    'capulet.lit: closed (service) plays.capulet.lit',
    'montague.lit: closed (service) plays.capulet.lit',
  ]);
});

test('notifies hosts with users when the module of a component unloads and loads', async (t) => {
  const { net, told } = await listening(t);
  await command(net, 'module unload', 'muc');
  assert.deepEqual(told.splice(0), [
    'capulet.lit: closed (service) rooms.capulet.lit',
    'montague.lit: closed (service) rooms.capulet.lit',
  ]);
  await command(net, 'module load', 'muc');
  assert.deepEqual(told, ['capulet.lit: open rooms.capulet.lit', 'montague.lit: open rooms.capulet.lit']);
});

test('a reload keeps the rooms and fires no event, nor does the end of another module', async (t) => {
  const { net, told } = await listening(t);
  await command(net, 'module reload', 'muc');
  await command(net, 'module unload', 'version');
  await command(net, 'module load', 'version');
  assert.deepEqual(told, []);
});

test('an orderly stop does not count as the loss of a service', async (t) => {
  const { net, told } = await listening(t);
  await ScriptedComponent.serving(net, 'plays.capulet.lit');
  told.splice(0);
  await net.server.stop();
  assert.deepEqual(told, []);
});
