// How long the archive of a user is kept: what the host says, or less if the user wants (XEP-0441 §2.2).

import { type ArchiveStore, defineCommand, Jid, type Module, oneOf } from 'enjamb/api';

const DAY_MS = 24 * 3_600_000;
const AS_HOST = 'as the server does';
const CHOICES: readonly (readonly [name: string, ms: number])[] = [
  ['1 week', 7 * DAY_MS],
  ['1 month', 30 * DAY_MS],
  ['1 year', 365 * DAY_MS],
];

export interface Limits {
  /** Infinity: for ever. */
  readonly keepMs: number;
  /** Of one archive, in bytes. */
  readonly maxBytes: number;
}

/** Rows that are too old, or too much, are removed this often. */
const EXPIRY_MS = 3_600_000;

export function expireHourly(module: Module, archive: ArchiveStore, { keepMs, maxBytes }: Limits): void {
  const expired = module.metric.counter('archive_expired', 'Messages that were too old or too many');
  module.every(EXPIRY_MS, async () => {
    const now = module.clock.now();
    const before = Number.isFinite(keepMs) ? { before: now - keepMs } : {};
    expired.add(await archive.expire({ now, maxBytes, ...before }));
  });
}

/** Offers users to have their messages kept for a shorter time than the host does. */
export function offerToKeepLess(module: Module, archive: ArchiveStore, { keepMs }: Limits): void {
  const shorter = CHOICES.filter(([, ms]) => ms < keepMs);
  const command = defineCommand({
    name: 'archive keep-own',
    summary: 'Archive of messages',
    args: {
      keep: oneOf(
        'How long your messages are kept on the server',
        [...shorter.map(([name]) => name), AS_HOST],
        {
          default: AS_HOST,
        },
      ),
    },
    async run({ keep }, { by }) {
      const ms = shorter.find(([name]) => name === keep)?.[1];
      await archive.keep(Jid.parse(by).local ?? '', ms);
      return { text: `Messages are kept: ${keep}` };
    },
  });
  module.provide('adhoc-command', {
    node: 'urn:xmpp:mam#configure',
    at: 'self',
    command,
    async values(asker) {
      const { keepMs: chosen } = await archive.usage(asker.local ?? '');
      return { keep: shorter.find(([, ms]) => ms === chosen)?.[0] ?? AS_HOST };
    },
    mayUse: () => true,
  });
}
