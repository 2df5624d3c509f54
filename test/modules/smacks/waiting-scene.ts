// Messages that wait for Juliet in her archive.

import type { TestContext } from 'node:test';
import { ARCHIVE_FLAGS, type ArchiveRow } from '../../../src/storage/archive.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { becomeAvailable } from '../../support/contacts.ts';
import { archiveOf } from '../../support/waiting.ts';
import {
  BALCONY,
  chat,
  JULIET,
  MODULES,
  ROMEO,
  type Scene,
  SM,
  says,
  scene as smacksScene,
} from './scene.ts';

export const DELAY = `<delay xmlns='urn:xmpp:delay' from='capulet.lit' stamp='{any}'/>`;

export const scene = (t: TestContext, options = '', clock = new FakeClock()): Promise<Scene> =>
  smacksScene(t, options, [...MODULES, 'disco', 'mam'], clock);

/** Juliet's rows, hidden ones too if they wait. */
export async function rows({ test: { server } }: Scene): Promise<ArchiveRow[]> {
  const archive = archiveOf(server);
  const visible = await archive.page('juliet', { limit: 1000 });
  const waiting = await archive.page('juliet', { rows: 'waiting', limit: 1000 });
  const hidden = waiting.rows.filter(({ flags }) => flags & ARCHIVE_FLAGS.hidden);
  return [...visible.rows, ...hidden];
}

/** Romeo has written to Juliet, who is not there. He hears nothing. */
export async function wrote(there: Scene, ...texts: string[]): Promise<ScriptedClient> {
  const romeo = await there.test.client(ROMEO);
  says(romeo, JULIET, ...texts);
  await there.idle();
  await romeo.receivesNothing();
  return romeo;
}

/** Her client comes, with stream management, and is available. What follows its own presence is left to be read. */
export async function comes(there: Scene, jid = BALCONY): Promise<ScriptedClient> {
  const { client } = await there.managed(jid);
  await becomeAvailable(client);
  await there.idle();
  return client;
}

export async function confirms(there: Scene, client: ScriptedClient): Promise<void> {
  client.send(`<a ${SM} h='${there.sent(client.jid)}'/>`);
  await there.idle();
}

export const stanzaId = (id: string): string =>
  `<stanza-id xmlns='urn:xmpp:sid:0' by='${JULIET}' id='${id}'/>`;
export const late = (text: string, id = '{any}', from = ROMEO): string =>
  chat(from, JULIET, text, `${DELAY}${stanzaId(id)}`);
