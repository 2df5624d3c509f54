// What users want to have archived (XEP-0441).

import {
  type Element,
  type IqRequest,
  Jid,
  type Module,
  NS,
  StanzaError,
  type StanzaEvent,
  type Table,
  xml,
} from 'enjamb/api';

/** §2.1: whose messages are archived that no list names. */
export type Policy = 'always' | 'never' | 'roster';

export interface Preference {
  readonly default: Policy;
  /** Prepared and sorted. A bare JID stands for all its resources (§2.3). */
  readonly always: readonly string[];
  readonly never: readonly string[];
}

/** In both lists. */
const MAX_JIDS = 500;
/** Of the JIDs in UTF-8. */
const MAX_BYTES = 64 * 1024;

export class Preferences {
  readonly #module: Module;
  readonly #table: Table<Preference>;
  readonly #unset: Preference;

  /** @param policy for users who have no preferences */
  constructor(module: Module, table: Table<Preference>, policy: Policy) {
    this.#module = module;
    this.#table = table;
    this.#unset = { default: policy, always: [], never: [] };
    const matching = { to: ['self'], name: 'prefs', xmlns: NS.MAM } as const;
    module.handleIq({ type: 'get', ...matching }, (request) => this.#get(request));
    module.handleIq({ type: 'set', ...matching }, (request) => this.#set(request));
    module.hook('iq/bare', refuseOthers, 'guard');
  }

  of(user: string): Preference {
    return this.#table.get(user) ?? this.#unset;
  }

  /** Whether messages to and from an address are archived for a user. */
  allow(user: string, peer: Jid): boolean {
    const { default: policy, always, never } = this.of(user);
    if (names(never, peer)) return false;
    if (policy === 'always' || names(always, peer)) return true;
    return policy === 'roster' && this.#module.find('roster')?.item(user, peer.bare)?.listed === true;
  }

  #get({ to, origin }: IqRequest): Element {
    const preference = this.of(to.local ?? '');
    if (origin.kind === 'c2s') origin.charge(bytesOf(preference));
    return elementOf(preference);
  }

  /** Answers with what is in force. @throws StanzaError */
  async #set({ payload, to }: IqRequest): Promise<Element> {
    const user = to.local ?? '';
    const preference = readPreference(payload);
    await this.#table.set(user, preference);
    return elementOf(preference);
  }
}

/** §2.3. */
function names(list: readonly string[], peer: Jid): boolean {
  return list.length > 0 && (list.includes(peer.bare) || list.includes(peer.toString()));
}

function elementOf({ default: policy, always, never }: Preference): Element {
  const list = (name: string, jids: readonly string[]) =>
    xml(name, {}, ...jids.map((jid) => xml('jid', {}, jid)));
  return xml('prefs', { xmlns: NS.MAM, default: policy }, list('always', always), list('never', never));
}

/** @throws StanzaError 'bad-request', 'jid-malformed', 'resource-constraint' */
function readPreference(prefs: Element): Preference {
  const policy = prefs.attrs.default;
  if (policy !== 'always' && policy !== 'never' && policy !== 'roster')
    throw new StanzaError('bad-request', { text: 'The default must be "always", "never" or "roster"' });
  const [always, never] = [jidsIn(prefs, 'always'), jidsIn(prefs, 'never')];
  const preference = { default: policy, always, never } as const;
  if (always.length + never.length > MAX_JIDS || bytesOf(preference) > MAX_BYTES)
    throw new StanzaError('resource-constraint', {
      type: 'cancel',
      text: `The lists may have ${MAX_JIDS} addresses of ${MAX_BYTES / 1024} KiB`,
    });
  return preference;
}

function bytesOf({ always, never }: Preference): number {
  return [...always, ...never].reduce((sum, jid) => sum + Buffer.byteLength(jid), 0);
}

/** §2.1: a missing list is an empty one. @throws StanzaError 'jid-malformed' */
function jidsIn(prefs: Element, name: 'always' | 'never'): string[] {
  const jids = prefs.getChild(name)?.getChildren('jid') ?? [];
  return [...new Set(jids.map((jid) => Jid.parse(jid.text().trim()).toString()))].sort();
}

/** XEP-0313 §7.1: the same answer whether the account exists or not. @throws StanzaError 'forbidden' */
function refuseOthers({ stanza, from, to }: StanzaEvent): undefined {
  const { type } = stanza.attrs;
  if ((type !== 'get' && type !== 'set') || from.bare === to.bare) return;
  if (stanza.getChild('prefs', NS.MAM)) throw new StanzaError('forbidden');
}
