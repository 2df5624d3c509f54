// Stanzas from blocked addresses to a user (XEP-0191 §3.3).
//
//     presence                          dropped, but for that of a room about the client itself
//     message: chat, normal             service-unavailable; dropped if it is from an occupant of a room
//              groupchat, headline, error         dropped
//              an invitation by a blocked user    dropped
//     iq:      get, set                 service-unavailable
//              result, error            dropped

import { type Exports, type Module, NS, StanzaError, type StanzaEvent } from 'enjamb/api';
import { isSelfPresence } from 'enjamb/xep';
import type { BlockLists } from './lists.ts';

type Received = Readonly<StanzaEvent>;

export class Inbound {
  readonly #module: Module;
  readonly #lists: BlockLists;
  readonly #bouncesMessages: boolean;

  constructor(module: Module, lists: BlockLists, bouncesMessages: boolean) {
    this.#module = module;
    this.#lists = lists;
    this.#bouncesMessages = bouncesMessages;
  }

  presence(event: Received): 'handled' | undefined {
    if (!this.#isBlocked(event)) return undefined;
    return isSelfPresence(event.stanza) && this.#isOfRoom(event) ? undefined : 'handled';
  }

  /** @throws StanzaError 'service-unavailable', as for a user without clients, so that it does not show who is online */
  message(event: Received): 'handled' | undefined {
    if (this.#isUnwantedInvitation(event)) return 'handled';
    if (!this.#isBlocked(event)) return undefined;
    const { type } = event.stanza.attrs;
    if (type === 'groupchat' || type === 'headline' || type === 'error') return 'handled';
    if (!this.#bouncesMessages || this.#isFromOccupant(event)) return 'handled';
    throw new StanzaError('service-unavailable');
  }

  /** @throws StanzaError 'service-unavailable' */
  iq(event: Received): 'handled' | undefined {
    if (!this.#isBlocked(event)) return undefined;
    const { type } = event.stanza.attrs;
    if (type === 'result' || type === 'error') return 'handled';
    throw new StanzaError('service-unavailable');
  }

  #isBlocked(event: Received): boolean {
    return this.#lists.blocks(event.to.local ?? '', event.from) && !this.#isOurs(event);
  }

  /**
   * Whether this server has made the stanza, with the address of the other side: an error, a notice about a room, or a
   * message that was accepted before the block, and which a session returns that has ended.
   */
  #isOurs({ stanza, from, origin, notes }: Received): boolean {
    if (notes.isBounce) return true;
    const { domain } = this.#module.host;
    if (origin.kind !== 'host' || origin.domain !== domain) return false;
    return from.domain !== domain || stanza.name === 'message';
  }

  /** XEP-0045 §7.8.2: the room sends the invitation, and names who invites. */
  #isUnwantedInvitation(event: Received): boolean {
    const user = event.to.local ?? '';
    if (!this.#lists.has(user)) return false;
    const invites = event.stanza.getChild('x', NS.MUC_USER)?.getChildren('invite') ?? [];
    const isUnwanted = invites.some(({ attrs }) => this.#lists.blocksText(user, attrs.from ?? ''));
    return isUnwanted && !this.#isOurs(event);
  }

  /** XEP-0045 §7.5. Some rooms remove an occupant who answers a private message by an error. */
  #isFromOccupant(event: Received): boolean {
    if (event.from.resource === undefined) return false;
    const x = event.stanza.getChild('x', NS.MUC_USER);
    return (x !== undefined && x.getChild('invite') === undefined) || this.#hasJoined(event);
  }

  #hasJoined({ from, to }: Received): boolean {
    const joins = this.#joins();
    const sessions = joins ? this.#module.host.sessions.of(to.local ?? '') : [];
    return sessions.some((session) => joins?.get(session, from.bare) !== undefined);
  }

  /** Whether this client is in the room, or is leaving it: only then is the status 110 not a trick. */
  #isOfRoom({ from, to }: Received): boolean {
    const session = this.#module.host.sessions.get(to);
    return session !== undefined && this.#joins()?.get(session, from.bare) !== undefined;
  }

  #joins(): Exports['track_muc_joins'] | undefined {
    return this.#module.find('track_muc_joins');
  }
}
