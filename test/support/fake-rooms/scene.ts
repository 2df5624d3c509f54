import type { TestContext } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { harness } from '../module-harness.ts';
import type { Behaviour } from './behaviour.ts';
import { Resident } from './resident.ts';
import { RoomService } from './service.ts';

export const HALL = 'hall@rooms.capulet.lit';
export const ALICE = 'alice@capulet.lit/a';
export const BOB = 'bob@capulet.lit/b';
export const ROMEO = 'romeo@montague.lit/orchard';

/** Alice and Bob are clients of the other server; the hall exists, and is empty. */
export async function scene(t: TestContext, behaviour: Partial<Behaviour> = {}) {
  const h = await harness(t);
  const service = new RoomService(h, { behaviour: { occupantIds: false, archive: 'none', ...behaviour } });
  const room = service.room('hall');
  const client = (full: string) => Object.assign(new Resident(service, full), { keeps: true });
  return { h, service, room, alice: client(ALICE), bob: client(BOB), client };
}

/** One line for each stanza: what it is, from whom, with which codes. */
export function lines(stanzas: readonly Element[]): string[] {
  return stanzas.map((stanza) => {
    const { from = '', type } = stanza.attrs;
    const x = stanza.getChild('x', NS.MUC_USER);
    const codes = x?.getChildren('status').map(({ attrs }) => attrs.code) ?? [];
    const [body, subject] = [stanza.getChildText('body'), stanza.getChildText('subject')];
    const error = stanza.getChild('error') ? StanzaError.from(stanza).condition : undefined;
    const delay = stanza.getChild('delay', NS.DELAY) && body !== undefined ? 'delayed' : undefined;
    const text = body ?? (subject === undefined ? undefined : `subject "${subject}"`);
    const kind = stanza.name === 'presence' ? type : undefined;
    const who = from.split('/')[1] ?? 'room';
    return [stanza.name, who, kind, ...codes, error, delay, text]
      .filter((word) => word !== undefined)
      .join(' ');
  });
}

export type Scene = Awaited<ReturnType<typeof scene>>;
