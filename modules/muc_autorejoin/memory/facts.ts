// The facts in a room's disco#info (XEP-0045 §6.4) that decide about silent joins.

import { type Element, NS, type Stanza } from 'enjamb/api';
import { type Print, textPrint } from './prints.ts';

export interface Facts {
  readonly isHidden: boolean;
  readonly isModerated: boolean;
  readonly isMembersOnly: boolean;
  readonly hasPassword: boolean;
  readonly persists: boolean;
  readonly hasArchive: boolean;
  /** Members-only and non-anonymous: clients encrypt to its member list. */
  readonly isPrivateGroup: boolean;
  readonly showsAddresses: boolean;
  /** A gateway, for which a join is expensive. */
  readonly isHeavy: boolean;
  /** Of the settings, without the number of occupants, the subject, and what the service itself can do. */
  readonly print: Print;
}

/** Fields that change without a change of the settings (XEP-0045 §15.5.4). */
const LIVELY = new Set(['muc#roominfo_occupants', 'muc#roominfo_subject']);

/** `undefined` for an error. */
export function factsIn(answer: Stanza, seed: number): Facts | undefined {
  const query = answer.attrs.type === 'result' ? answer.getChild('query', NS.DISCO_INFO) : undefined;
  if (query === undefined) return undefined;
  const features = new Set(query.getChildren('feature').map(({ attrs }) => attrs.var ?? ''));
  const identities = query.getChildren('identity').map(({ attrs }) => `${attrs.category}/${attrs.type}`);
  const names = query.getChildren('identity').map(({ attrs }) => attrs.name ?? '');
  const settings = [...features].filter((feature) => feature.startsWith('muc_')).sort();
  return {
    isHidden: features.has('muc_hidden'),
    isModerated: features.has('muc_moderated'),
    isMembersOnly: features.has('muc_membersonly'),
    hasPassword: features.has('muc_passwordprotected'),
    persists: features.has('muc_persistent'),
    hasArchive: features.has(NS.MAM),
    isPrivateGroup: features.has('muc_membersonly') && features.has('muc_nonanonymous'),
    showsAddresses: features.has('muc_nonanonymous'),
    isHeavy: identities.some((one) => one.startsWith('gateway/') || one === 'conference/irc'),
    print: textPrint([...identities, ...names, ...settings, ...fieldsIn(query)].join('\n'), seed),
  };
}

/** The fields without labels, which depend on the language of the client that asks. */
function fieldsIn(query: Stanza): string[] {
  const fields = query.getChildren('x', NS.DATA_FORMS).flatMap((form) => form.getChildren('field'));
  const valuesOf = (field: Element) => field.getChildren('value').map((value) => value.text());
  return fields
    .filter(({ attrs }) => !LIVELY.has(attrs.var ?? ''))
    .map((field) => [field.attrs.var ?? '', ...valuesOf(field)].join(' '))
    .sort();
}
