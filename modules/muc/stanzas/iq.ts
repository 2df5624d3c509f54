// IQ requests to the service and to rooms themselves.

import { type Element, NS, type StanzaEvent, xml } from 'enjamb/api';
import { visibleRoom } from '../engine/rooms.ts';
import { type Service, send } from '../engine/service.ts';
import { changeList, readList } from './admin.ts';
import { roomInfo, roomItems, serviceInfo, serviceItems } from './disco.ts';
import { changeRoom, readConfig } from './owner.ts';

/** Handles a request to the service. `undefined`: other modules may answer it. */
export function iqToService(service: Service, event: StanzaEvent): 'handled' | undefined {
  if (event.stanza.attrs.type !== 'get') return undefined;
  const [query] = event.stanza.elements();
  if (query?.attrs.node !== undefined) return undefined;
  if (query?.is('query', NS.DISCO_INFO)) return answer(service, event, serviceInfo(service));
  if (query?.is('query', NS.DISCO_ITEMS)) return answer(service, event, serviceItems(service, query));
  return undefined;
}

/**
 * Handles a request to a room. `undefined`: other modules may answer it.
 * @throws StanzaError 'item-not-found' if the room does not exist, else as specified for each request
 */
export function iqToRoom(service: Service, event: StanzaEvent): 'handled' | undefined {
  const { stanza, from } = event;
  const { type } = stanza.attrs;
  if (type !== 'get' && type !== 'set') return 'handled';
  const room = visibleRoom(service, event);
  const [query] = stanza.elements();
  if (query?.name !== 'query') return undefined;
  const reply = () => answer(service, event);
  switch (`${type} ${query.getNS()}`) {
    case `get ${NS.DISCO_INFO}`:
      return answer(service, event, roomInfo(service, room, from, query));
    case `get ${NS.DISCO_ITEMS}`:
      return answer(service, event, roomItems(service, room, from));
    case `get ${NS.MUC_ADMIN}`:
      return answer(service, event, readList(room, from, query));
    case `set ${NS.MUC_ADMIN}`:
      changeList(service, room, event, query, reply);
      return 'handled';
    case `get ${NS.MUC_OWNER}`:
      return answer(service, event, readConfig(service, room, from));
    case `set ${NS.MUC_OWNER}`:
      changeRoom(service, room, event, query, reply);
      return 'handled';
    default:
      return undefined;
  }
}

function answer(service: Service, { stanza, from, to }: StanzaEvent, payload?: Element): 'handled' {
  send(
    service,
    xml('iq', { type: 'result', id: stanza.attrs.id, from: to.toString(), to: from.toString() }, payload),
  );
  return 'handled';
}
