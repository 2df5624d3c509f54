// muc#owner: configures and destroys rooms (XEP-0045 §10.1, §10.2, §10.9).

import { type Element, type Jid, NS, type StanzaEvent, xml } from 'enjamb/api';
import { buildForm, type Field, readForm } from 'enjamb/xep';
import { ADMINS_FIELD, checkOwner, configure, holders, OWNERS_FIELD, placesOf } from '../acts/configure.ts';
import { type Destruction, destroyRoom } from '../acts/destroy.ts';
import { commit } from '../engine/commit.ts';
import type { Service } from '../engine/service.ts';
import type { Room } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';

/** The configuration form with the present values. @throws StanzaError 'forbidden' */
export function readConfig(service: Service, room: Room, from: Jid): Element {
  checkOwner(room, from);
  if (room.lockedSince !== undefined) room.configuring = true;
  const settings = placesOf(service).map(({ setting, get }): Field => {
    const value = setting.write(get(room.config));
    return {
      var: setting.field,
      type: setting.type,
      label: setting.label,
      values: value === '' ? [] : [value],
      ...(setting.choices && { choices: setting.choices }),
    };
  });
  const people: Field[] = [
    { var: OWNERS_FIELD, type: 'jid-multi', label: 'Owners', values: holders(room, 'owner') },
    { var: ADMINS_FIELD, type: 'jid-multi', label: 'Admins', values: holders(room, 'admin') },
  ];
  const form = buildForm({
    type: 'form',
    formType: NS.MUC_ROOMCONFIG,
    title: `Configuration of ${room.jid}`,
    fields: [...settings, ...people],
  });
  return xml('query', NS.MUC_OWNER, form);
}

/**
 * Configures or destroys the room, or cancels the configuration. Calls `answer` when the request can no longer fail.
 * @throws StanzaError 'forbidden', 'not-acceptable' (§10.1.3), 'conflict' (§10.2), 'bad-request'
 */
export function changeRoom(
  service: Service,
  room: Room,
  event: StanzaEvent,
  query: Element,
  answer: () => void,
): void {
  checkOwner(room, event.from);
  const destroy = query.getChild('destroy');
  const form = query.getChild('x', NS.DATA_FORMS);
  if (destroy) {
    const { jid: venue } = destroy.attrs;
    const password = destroy.getChildText('password');
    remove(service, room, event, { venue, password, reason: destroy.getChildText('reason') }, answer);
  } else if (form?.attrs.type === 'cancel') {
    // §10.1.3: cancelling destroys a room that was never configured; §10.2: any other stays unchanged.
    if (room.lockedSince !== undefined) remove(service, room, event, {}, answer);
    else answer();
  } else if (form?.attrs.type === 'submit') {
    configure(service, room, event, readForm(form), answer);
  } else {
    throw roomError(room.jid, 'bad-request');
  }
}

function remove(
  service: Service,
  room: Room,
  event: StanzaEvent,
  destruction: Destruction,
  answer: () => void,
): void {
  commit(service, room, event, {
    check: (tried) => checkOwner(tried, event.from),
    stage(draft) {
      draft.removed = true;
    },
    apply() {
      destroyRoom(service, room, destruction);
      answer();
    },
  });
}
