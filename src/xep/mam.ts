// Message archives (XEP-0313): the form of a query, a query that was filled in, its results, and what ends them.

import { type Attrs, type Element, type Stanza, xml } from '../xml/element.ts';
import { StanzaError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import { NS } from '../xml/namespaces.ts';
import { preserialized } from '../xml/serialize.ts';
import { formatDateTime, parseDateTime } from './date-time.ts';
import { booleanValue, buildForm, type Field, readForm } from './form.ts';
import { type Page, type PageRequest, pageElement, readPageRequest } from './rsm.ts';

/** A query that was filled in. Everything is optional; all filters must match (§4.1). */
export interface MamQuery {
  /** Returned in each result (§4.2). */
  readonly queryId: string | undefined;
  /** §4.1.1. A bare address stands for all its resources. */
  readonly with: Jid | undefined;
  /** §4.1.2. In ms since 1970, both inclusive. */
  readonly start: number | undefined;
  readonly end: number | undefined;
  /** §4.1.3. Both exclusive. */
  readonly afterId: string | undefined;
  readonly beforeId: string | undefined;
  readonly ids: readonly string[] | undefined;
  /** §4.1.4. */
  readonly includeGroupchat: boolean | undefined;
  /** XEP-0431 §3.2: words to search for; `undefined` if the field is empty. */
  readonly fulltext: string | undefined;
  /** §4.3.4: the page is to be sent in reverse order. */
  readonly isFlipped: boolean;
  readonly page: PageRequest | undefined;
}

/** One archived message. */
export interface MamResult {
  readonly id: string;
  /** When the server received the message, in ms since 1970. */
  readonly at: number;
  /** The message as `serialize` wrote it. */
  readonly text: string;
}

/** In one query. */
const MAX_IDS = 250;
/** XEP-0431 §4.1. */
const FULLTEXT = `{${NS.FULLTEXT}}fulltext`;
const MAX_WORDS = 16;
/** In characters. */
const MAX_WORD = 64;

const FIELDS: readonly Field[] = [
  { var: 'with', type: 'jid-single', values: [] },
  { var: 'start', type: 'text-single', values: [] },
  { var: 'end', type: 'text-single', values: [] },
  { var: 'before-id', type: 'text-single', values: [] },
  { var: 'after-id', type: 'text-single', values: [] },
  { var: 'ids', type: 'list-multi', values: [], isOpen: true },
  { var: 'include-groupchat', type: 'boolean', values: [] },
  { var: FULLTEXT, type: 'text-single', values: [] },
];

/** §4.1.5: the form that tells which filters there are. @throws StanzaError 'feature-not-implemented' for a node */
export function mamForm(query: Element): Element {
  refuseNode(query);
  return buildForm({ type: 'form', formType: NS.MAM, fields: FIELDS });
}

/**
 * Reads a `<query/>` of type `set`.
 * @throws StanzaError 'feature-not-implemented' for a field that is not known (§4.1.5) or a node, 'bad-request' for
 * values that cannot be read
 */
export function readMamQuery(query: Element): MamQuery {
  refuseNode(query);
  const fields = readFields(query);
  return {
    queryId: query.attrs.queryid,
    with: readValue(fields, 'with', Jid.tryParse),
    start: readValue(fields, 'start', parseDateTime),
    end: readValue(fields, 'end', parseDateTime),
    afterId: readValue(fields, 'after-id', (id) => id),
    beforeId: readValue(fields, 'before-id', (id) => id),
    ids: readIds(fields),
    includeGroupchat: readValue(fields, 'include-groupchat', booleanValue),
    fulltext: readValue(fields, FULLTEXT, (text) => text.trim()) || undefined,
    isFlipped: query.getChild('flip-page') !== undefined,
    page: readPageRequest(query),
  };
}

/**
 * The words that a query searches for; `undefined` if it does not search.
 * @param wordsOf splits a text as the archive does
 * @throws StanzaError 'bad-request' for no words, too many, or too long ones
 */
export function mamSearchWords(
  { fulltext }: MamQuery,
  wordsOf: (text: string) => readonly string[],
): readonly string[] | undefined {
  if (fulltext === undefined) return undefined;
  const words = wordsOf(fulltext);
  if (words.length === 0) throw badRequest('There is no word to search for');
  if (words.length > MAX_WORDS || words.some((word) => [...word].length > MAX_WORD))
    throw badRequest(`A search may have ${MAX_WORDS} words of ${MAX_WORD} characters`);
  return words;
}

/** §4.2: one message of the archive. The text is not serialised again. `attrs`: of the message to the client. */
export function mamResult({ id, at, text }: MamResult, queryId: string | undefined, attrs: Attrs): Stanza {
  const delay = xml('delay', { xmlns: NS.DELAY, stamp: formatDateTime(at) });
  const forwarded = preserialized(xml('forwarded', NS.FORWARD, delay), text);
  return xml('message', attrs, xml('result', { xmlns: NS.MAM, queryid: queryId, id }, forwarded));
}

/** §4.3.2: ends the results. `isComplete`: no more messages match in the direction of paging. */
export function mamFin(page: Page, isComplete: boolean): Element {
  return xml('fin', { xmlns: NS.MAM, complete: isComplete ? 'true' : undefined }, pageElement(page));
}

/** §5.1.3: only archives of nodes have nodes (XEP-0442). */
function refuseNode({ attrs: { node } }: Element): void {
  if (node !== undefined)
    throw new StanzaError('feature-not-implemented', { text: 'This archive has no nodes' });
}

/**
 * §4.1. @throws StanzaError 'bad-request' for another form, or a field that stands there twice; 'feature-not-implemented'
 * for an unknown field
 */
function readFields(query: Element): Map<string, string[]> {
  const form = query.getChild('x', NS.DATA_FORMS);
  if (form === undefined) return new Map();
  if (form.attrs.type !== 'submit') throw badRequest('The form is not of type "submit"');
  const fields = readForm(form);
  if (fields.get('FORM_TYPE')?.[0] !== NS.MAM) throw badRequest(`The FORM_TYPE is not "${NS.MAM}"`);
  const names = form.getChildren('field').filter(({ attrs }) => attrs.var !== undefined);
  if (names.length > fields.size) throw badRequest('A field stands in the form twice');
  for (const name of fields.keys()) {
    if (name !== 'FORM_TYPE' && FIELDS.every((field) => field.var !== name))
      throw new StanzaError('feature-not-implemented', { text: `There is no filter "${name}"` });
  }
  return fields;
}

/** @throws StanzaError 'bad-request' for more than one value, or one that cannot be read */
function readValue<T>(
  fields: ReadonlyMap<string, readonly string[]>,
  name: string,
  read: (text: string) => T | undefined,
): T | undefined {
  const values = fields.get(name);
  if (values === undefined || values.length === 0) return undefined;
  const value = values.length === 1 ? read(values[0]!) : undefined;
  if (value === undefined) throw badRequest(`The value of "${name}" cannot be read`);
  return value;
}

function readIds(fields: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const ids = fields.get('ids');
  if (ids !== undefined && ids.length > MAX_IDS) throw badRequest(`At most ${MAX_IDS} ids are allowed`);
  return ids && [...new Set(ids)];
}

function badRequest(text: string): StanzaError {
  return new StanzaError('bad-request', { text });
}
