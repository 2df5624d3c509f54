// XEP-0313 Message Archive Management: what users wrote and received, for all their clients.

import { boolean, defineModule, duration, integer, list, NS, oneOf, size, string } from 'enjamb/api';
import { Archiving } from './archiving.ts';
import { expireHourly, offerToKeepLess } from './keeping.ts';
import { type Policy, type Preference, Preferences } from './preferences.ts';
import { answerQueries } from './queries.ts';
import { Resent } from './resent.ts';
import { Retractions } from './retractions.ts';

/** XEP-0359 §4, XEP-0424 §2, §5. */
const FEATURES = [NS.STANZA_ID, NS.RETRACT, `${NS.RETRACT}#tombstone`];

export default defineModule({
  name: 'mam',
  summary: 'Keeps an archive of the messages of each user',
  implements: [
    'XEP-0059 1.0',
    'XEP-0313 1.1.3',
    'XEP-0334 1.0.0',
    'XEP-0359 0.7.0',
    'XEP-0424 0.4.2',
    'XEP-0431 0.2.0',
    'XEP-0441 0.2.0',
  ],
  enabledOn: ['local'],
  depends: ['message'],
  after: ['roster', 'track_muc_joins'],
  options: {
    archive_expires_after: duration('How long messages are kept; users can choose a shorter time', {
      default: '1 year',
      min: '1 day',
      never: true,
    }),
    archive_max_size: size('Largest size of the archive of a user; the oldest messages are removed', {
      default: '2 GiB',
      min: '1 MiB',
    }),
    default_archive_policy: oneOf(
      "Whose messages are kept for a user who has not chosen: everybody's, nobody's, or those of the contact list",
      [true, false, 'roster'],
      { default: true },
    ),
    max_archive_query_results: integer('Most messages in one page of the archive', {
      default: 250,
      min: 1,
      max: 1000,
    }),
    dont_archive_namespaces: list(
      'Namespaces of elements that are left out of the archive',
      string('A namespace'),
      {
        default: [NS.CHAT_STATES],
      },
    ),
    mam_include_total: boolean('Whether clients are told how many messages match', { default: true }),
    archive_search: boolean('Whether clients can search for words, by an index of all messages', {
      default: true,
    }),
  },

  async load(module) {
    const { options } = module;
    const archive = module.store.archive('archive', { isSearchable: options.archive_search });
    const table = await module.store.table<Preference>('archive_prefs');
    const preferences = new Preferences(module, table, policyOf(options.default_archive_policy));
    const omitted = new Set(options.dont_archive_namespaces);
    const archiving = new Archiving(module, {
      archive,
      preferences,
      resent: new Resent(module),
      retractions: new Retractions(module),
      omitted,
    });
    for (const target of ['full', 'bare', 'host', 'self'] as const)
      module.hook(`pre-message/${target}`, (event) => archiving.sent(event), 'rewrite');
    for (const target of ['full', 'bare'] as const)
      module.hook(`message/${target}`, (event) => archiving.received(event), 'rewrite');
    module.hook('message-delivered', ({ event, sessions }) => {
      if (sessions.length === 0) archiving.kept(event);
    });
    for (const feature of FEATURES) module.provide('disco-account-feature', feature);
    module.provide('disco-feature', NS.RETRACT);
    const limits = { keepMs: options.archive_expires_after, maxBytes: options.archive_max_size };
    expireHourly(module, archive, limits);
    offerToKeepLess(module, archive, limits);
    return answerQueries(module, archive, {
      maxResults: options.max_archive_query_results,
      includesTotal: options.mam_include_total,
    });
  },
});

function policyOf(option: boolean | 'roster'): Policy {
  if (option === 'roster') return 'roster';
  return option ? 'always' : 'never';
}
