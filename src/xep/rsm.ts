// Pages of a long result (XEP-0059).

import { type Element, xml } from '../xml/element.ts';
import { StanzaError } from '../xml/errors.ts';
import { NS } from '../xml/namespaces.ts';

/** The page that a request wants. */
export interface PageRequest {
  /** At most this many items; 0: only their number (§2.7). `undefined`: the server chooses. */
  readonly max: number | undefined;
  /** The items that follow this one (§2.2); `''`: from the first one on. */
  readonly after: string | undefined;
  /** The items that come before this one (§2.3); `''`: the last page (§2.5). */
  readonly before: string | undefined;
  /** The items from this position on (§2.6). */
  readonly index: number | undefined;
}

/** One page of a result. */
export interface Page {
  /** `undefined` for a page without items (§2.2). */
  readonly first?: string | undefined;
  readonly last?: string | undefined;
  /** The position of the first item among all. */
  readonly index?: number | undefined;
  /** The number of all items. */
  readonly count?: number | undefined;
}

/**
 * Reads the `<set/>` of a request; `undefined` for a request without one.
 * @throws StanzaError 'bad-request' for an invalid number, or a position together with an item
 */
export function readPageRequest(request: Element): PageRequest | undefined {
  const set = request.getChild('set', NS.RSM);
  if (set === undefined) return undefined;
  const [after, before] = [set.getChildText('after'), set.getChildText('before')];
  const index = numberIn(set, 'index');
  if (index !== undefined && (after !== undefined || before !== undefined))
    throw new StanzaError('bad-request', {
      text: 'A page is requested by its index or by an item, not by both',
    });
  return { max: numberIn(set, 'max'), after, before, index };
}

/** Builds the `<set/>` of a result. */
export function pageElement({ first, last, index, count }: Page): Element {
  return xml(
    'set',
    NS.RSM,
    first === undefined ? undefined : xml('first', { index: index?.toString() }, first),
    last === undefined ? undefined : xml('last', {}, last),
    count === undefined ? undefined : xml('count', {}, String(count)),
  );
}

/** @throws StanzaError 'bad-request' */
function numberIn(set: Element, name: 'max' | 'index'): number | undefined {
  const text = set.getChildText(name)?.trim();
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new StanzaError('bad-request', { text: `<${name}/> must be a number that is not negative` });
}
