// XEP-0313 Message Archive Management: what users wrote and received, for all their clients.

import { boolean, defineModule, duration, integer, list, NS, oneOf, size, string } from 'enjamb/api';

/** Rows that are too old or too much are removed this often. */
const EXPIRY_MS = 3_600_000;

export default defineModule({
  name: 'mam',
  summary: 'Keeps an archive of the messages of each user',
  implements: ['XEP-0313 1.1.3', 'XEP-0334 1.0.0', 'XEP-0359 0.7.0', 'XEP-0441 0.2.0'],
  enabledOn: ['local'],
  depends: ['disco', 'message'],
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

  load(module) {
    const { options } = module;
    const archive = module.store.archive('archive', { isSearchable: options.archive_search });
    const { archive_expires_after: keepMs, archive_max_size: maxBytes } = options;
    module.every(EXPIRY_MS, async () => {
      const now = module.clock.now();
      await archive.expire({ now, maxBytes, ...(Number.isFinite(keepMs) ? { before: now - keepMs } : {}) });
    });
  },
});
