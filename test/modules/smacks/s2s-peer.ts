// Other servers made of plain bytes, for what stream management says to them, and what it makes of what they say.

import type { TestContext } from 'node:test';
import { startWorld, type World } from '../../src/s2s/harness.ts';
import { type RawPeer, settled } from '../../support/duplex.ts';

export const SM = `xmlns='urn:xmpp:sm:3'`;
export const R = `<r ${SM}/>`;
const FEATURES = (sm: string) =>
  `<stream:features><dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>${sm}</stream:features>`;

export function managedWorld(t: TestContext, config = ''): Promise<World> {
  return startWorld(t, { modules: ['dialback', 'smacks'], config });
}

/** Somebody at montague.lit writes to somebody at capulet.lit. */
export function say(world: World, id: string | number, kind = 'message', rest = '', content = ''): void {
  world.send(
    `<${kind} id='${id}' from='romeo@montague.lit/x' to='juliet@capulet.lit/y' ${rest}>${content}</${kind}>`,
  );
}

/** Our server's next call, accepted; the peer knows stream management. */
export async function called(world: World, sm = `<sm ${SM}/>`): Promise<RawPeer> {
  const peer = await world.prepared(FEATURES(sm), { id: `S${world.called.length}` });
  await peer.reads('</db:result>');
  peer.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  return peer;
}

/** The same, and it has agreed to stream management. What follows our `<enable/>` is left to be read. */
export async function managed(world: World, attributes = ''): Promise<RawPeer> {
  const peer = await called(world);
  await peer.reads(/<enable [^>]*>/);
  peer.send(`<enabled ${SM} ${attributes}/>`);
  return peer;
}

/** The ids of the stanzas up to the request for acknowledgement. */
export async function burst(peer: RawPeer): Promise<string[]> {
  return idsIn(await peer.reads(R));
}

export function idsIn(text: string): string[] {
  return [...text.matchAll(/<(?:message|presence|iq)[^>]* id='([^']*)'/g)].map((match) => match[1]!);
}

/** What has come back to montague.lit, as `id condition`. */
export function bounced({ arrived }: World): string[] {
  return arrived
    .filter(({ attrs }) => attrs.type === 'error')
    .map((stanza) => `${stanza.attrs.id} ${stanza.getChild('error')?.elements()[0]?.name}`);
}

export async function drop(world: World, peer: RawPeer): Promise<void> {
  peer.drop();
  await settled();
  await world.clock.advance(2_000);
}
