// Handles one request of a client: a new command, a submitted form, or a cancellation (XEP-0050 §2.4).
//
//   execute ──no arguments────────────────────────────────▶ completed
//      └──▶ executing: the form ──complete──▶ arguments wrong? the form again ──▶ completed
//                          └──cancel──▶ canceled

import { CommandError, type Element, type Jid, type Logger, NS, newId, StanzaError, xml } from 'enjamb/api';
import { formFor, readForm } from './form.ts';
import type { Offer } from './offers.ts';
import { resultElements } from './result.ts';
import type { Sessions } from './sessions.ts';

export interface Request {
  readonly offer: Offer;
  readonly asker: Jid;
  readonly action: string;
  readonly sessionid: string | undefined;
  readonly payload: Element;
}

export interface Surroundings {
  readonly log: Logger;
  readonly signal: AbortSignal;
}

type Status = 'executing' | 'completed' | 'canceled';

const ACTIONS: ReadonlySet<string> = new Set(['execute', 'next', 'complete', 'cancel', 'prev']);

/** The answer to one request. @throws StanzaError as in §4.4 */
export async function perform(
  request: Request,
  sessions: Sessions,
  surroundings: Surroundings,
): Promise<Element> {
  const { action, sessionid, offer, asker } = request;
  if (!ACTIONS.has(action)) throw refusal('bad-request', 'malformed-action');
  if (sessionid === undefined) return begin(request, sessions, surroundings);
  const node = sessions.nodeOf(sessionid, asker);
  if (node === undefined) throw refusal('not-allowed', 'session-expired');
  if (node !== offer.node) throw refusal('bad-request', 'bad-sessionid');
  if (action === 'prev') throw refusal('bad-request', 'bad-action');
  if (action !== 'cancel') return complete(request, sessionid, sessions, surroundings);
  sessions.close(sessionid);
  return reply(offer, sessionid, 'canceled');
}

async function begin(request: Request, sessions: Sessions, surroundings: Surroundings): Promise<Element> {
  const { action, offer, asker } = request;
  if (action !== 'execute') throw refusal('bad-request', 'bad-action');
  if (Object.keys(offer.command.args).length > 0) {
    const values = (await offer.values?.()) ?? {};
    return question(offer, sessions.open(asker, offer.node), values);
  }
  const outcome = await run(request, {}, surroundings);
  const elements = 'mistake' in outcome ? [note('error', outcome.mistake)] : outcome.elements;
  return reply(offer, newId(), 'completed', elements);
}

async function complete(
  request: Request,
  sessionid: string,
  sessions: Sessions,
  surroundings: Surroundings,
): Promise<Element> {
  const { offer, asker, payload } = request;
  const form = payload.getChild('x', NS.DATA_FORMS);
  // §3.5.1: a form of type `cancel` counts as one of type `submit`.
  if (form === undefined) throw refusal('bad-request', 'bad-payload');
  const args = readForm(offer.command.args, form);
  sessions.close(sessionid); // Before the command runs, so that a form runs it only once.
  const outcome = await run(request, args, surroundings);
  if ('elements' in outcome) return reply(offer, sessionid, 'completed', outcome.elements);
  return question(offer, sessions.open(asker, offer.node, sessionid), args, outcome.mistake);
}

type Outcome = { readonly elements: readonly Element[] } | { readonly mistake: string };

async function run(
  { offer, asker }: Request,
  args: Readonly<Record<string, unknown>>,
  { log, signal }: Surroundings,
): Promise<Outcome> {
  const { name } = offer.command;
  log.info('command', { command: name, by: `${asker}` });
  try {
    return { elements: resultElements(offer.title, await offer.run(args, { by: `${asker}`, signal })) };
  } catch (error) {
    if (error instanceof CommandError && error.code === 'usage') return { mistake: error.message };
    if (error instanceof CommandError) return { elements: [note('error', error.message)] }; // §3.6
    log.error('command failed', { command: name, error });
    return { elements: [note('error', 'The command has failed; the log of the server has the reason')] };
  }
}

function question(
  offer: Offer,
  sessionid: string,
  args: Readonly<Record<string, unknown>>,
  mistake?: string,
): Element {
  return reply(offer, sessionid, 'executing', [
    xml('actions', { execute: 'complete' }, xml('complete')),
    formFor(offer.title, offer.command, args),
    ...(mistake === undefined ? [] : [note('error', mistake)]),
  ]);
}

function reply(
  { node }: Offer,
  sessionid: string,
  status: Status,
  children: readonly Element[] = [],
): Element {
  return xml('command', { xmlns: NS.COMMANDS, node, sessionid, status, 'xml:lang': 'en' }, ...children);
}

function note(type: 'error', text: string): Element {
  return xml('note', { type }, text);
}

function refusal(condition: 'bad-request' | 'not-allowed', specific: string): StanzaError {
  return new StanzaError(condition, { application: xml(specific, NS.COMMANDS) });
}
