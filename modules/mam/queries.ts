// Queries of users' archives (XEP-0313 §4, §5): the messages go to the client that asks, then the answer.
//
//   read ──▶ wait for turn ──▶ wait for acknowledgements ──▶ page ──▶ results ──▶ answer
//    ✗ bad-request  ✗ 8 wait     ✗ 10 s                      ✗ item-not-found

import {
  type ArchiveFilter,
  type ArchivePage,
  type ArchivePosition,
  type ArchiveQuery,
  type ArchiveStore,
  type Attrs,
  type Element,
  type IqRequest,
  type Jid,
  type Module,
  NS,
  StanzaError,
  StorageError,
  wordsOf,
  xml,
} from 'enjamb/api';
import {
  formatDateTime,
  type MamQuery,
  mamEnvelopeBytes,
  mamFinOf,
  mamForm,
  mamPageRequest,
  mamResult,
  mamSearchWords,
  readMamQuery,
  refuseStrangers,
} from 'enjamb/xep';
import { Asked } from './asked.ts';
import { type Result, ResultFlows } from './result_flow.ts';

/** §6; XEP-0431 §2.1. The third: `include-groupchat` is accepted, and changes nothing. */
const FEATURES = [NS.MAM, `${NS.MAM}#extended`, `${NS.MAM}#groupchat-field`, NS.FULLTEXT];
/** What a result counts for the rate of the account, as any stanza that a client's stanza causes. */
const BYTES_PER_RESULT = 128;

export interface QueryLimits {
  /** The most messages in a page. */
  readonly maxResults: number;
  readonly includesTotal: boolean;
}

interface Parts {
  readonly archive: ArchiveStore;
  readonly limits: QueryLimits;
  readonly asked: Asked;
  readonly flows: ResultFlows;
  /** Queries that came without `to`. */
  readonly unaddressed: WeakSet<Element>;
}

/** Answers queries. Returns what clients have asked for. */
export function answerQueries(module: Module, archive: ArchiveStore, limits: QueryLimits): Asked {
  const [asked, flows, unaddressed] = [
    new Asked(module, archive),
    new ResultFlows(module),
    new WeakSet<Element>(),
  ];
  const parts = { archive, limits, asked, flows, unaddressed };
  const own = { to: ['self'], xmlns: NS.MAM } as const;
  for (const feature of FEATURES) module.provide('disco-account-feature', feature);
  module.handleIq({ type: 'get', name: 'query', ...own }, ({ payload }) =>
    xml('query', NS.MAM, mamForm(payload)),
  );
  module.handleIq({ type: 'set', name: 'query', ...own }, (request) => answer(parts, request));
  module.handleIq({ type: 'get', name: 'metadata', ...own }, ({ from }) => metadata(parts, from));
  for (const name of ['query', 'metadata'])
    module.hook('iq/bare', (event) => refuseStrangers(event, NS.MAM, name), 'guard');
  // Its results have no `from`. The router gives the query a `to`.
  module.observe('pre-iq/self', ({ stanza }) => {
    if (stanza.attrs.to !== undefined) return;
    const query = stanza.getChild('query', NS.MAM);
    if (query) unaddressed.add(query);
  });
  return asked;
}

async function answer(parts: Parts, { payload, stanza, from, origin }: IqRequest): Promise<Element> {
  if (origin.kind !== 'c2s') throw new StanzaError('not-allowed');
  const { archive, limits, asked, flows, unaddressed } = parts;
  const query = readMamQuery(payload);
  const attrs = { from: unaddressed.has(payload) ? undefined : stanza.attrs.to, to: `${from}` };
  const envelopeBytes = mamEnvelopeBytes(query.queryId, attrs);
  const request = { ...mamPageRequest(query, { ...limits, envelopeBytes }), ...filterOf(query, from) };
  const forget = asked.note(origin, query);
  const flow = flows.of(origin);
  try {
    return await flow.turn(async () => {
      await flow.room();
      const page = await pageOf(archive, from, request);
      origin.charge(page.rows.length * BYTES_PER_RESULT);
      await flow.send(resultsOf(page, query, attrs));
      return mamFinOf(query, page);
    });
  } catch (error) {
    forget();
    throw error;
  }
}

/** The part of the query that concerns archives of users. @throws StanzaError 'bad-request' */
function filterOf(query: MamQuery, user: Jid): ArchiveFilter {
  const words = mamSearchWords(query, wordsOf);
  return { ...partyOf(query.with, user), ...(words ? { words } : {}) };
}

/** §4.1.1: a bare address stands for the other party; the user's own for messages to oneself. */
function partyOf(address: Jid | undefined, user: Jid): ArchiveFilter {
  if (address === undefined) return {};
  if (address.resource === undefined) return { with: address.bare };
  const party = address.toString();
  return address.bare === user.bare ? { party } : { with: address.bare, party };
}

/**
 * Reads a page when this tick has ended: what was delivered before is archived then.
 * @throws StanzaError 'item-not-found' (§4.1.3, §4.3.2)
 */
async function pageOf(archive: ArchiveStore, { local }: Jid, query: ArchiveQuery): Promise<ArchivePage> {
  await Promise.resolve();
  try {
    return await archive.page(local ?? '', query);
  } catch (error) {
    if (!(error instanceof StorageError) || error.condition !== 'item-not-found') throw error;
    throw new StanzaError('item-not-found', { cause: error });
  }
}

/** §4.3.4: a flipped page is sent from the newest message. */
function resultsOf({ rows }: ArchivePage, { isFlipped, queryId }: MamQuery, attrs: Attrs): Result[] {
  const results = rows.map(({ id, at, xml: text }) => ({
    stanza: mamResult({ id, at, text }, queryId, attrs),
    bytes: Buffer.byteLength(text),
  }));
  return isFlipped ? results.reverse() : results;
}

/** §5: the first and the last message. */
async function metadata({ archive }: Parts, user: Jid): Promise<Element> {
  const [oldest, newest] = await Promise.all([
    pageOf(archive, user, { limit: 1 }),
    pageOf(archive, user, { limit: 1, isBackwards: true }),
  ]);
  const [start, end] = [oldest.rows[0], newest.rows[0]];
  const places = start && end ? [placeOf('start', start), placeOf('end', end)] : [];
  return xml('metadata', NS.MAM, ...places);
}

function placeOf(name: 'start' | 'end', { id, at }: ArchivePosition): Element {
  return xml(name, { id, timestamp: formatDateTime(at) });
}
