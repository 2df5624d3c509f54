// `enjamb check storage`: whether the data is readable by its owner only, and whether the disk has free space.

import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AdminClient } from '../../admin/client.ts';
import type { Config } from '../../config/config.ts';
import { formatSize } from '../../config/units.ts';
import { openOffline } from '../offline.ts';
import type { Finding } from './finding.ts';
import { openData } from './privacy.ts';

const DATABASE = 'enjamb.sqlite';
const MIB = 1024 * 1024;

export async function checkStorage(config: Config): Promise<readonly Finding[]> {
  const path = config.core.data_path;
  if (config.core.storage === 'memory')
    return [say('ok', 'storage is "memory": there is nothing on disk to check')];
  const client = await AdminClient.connect(path);
  client?.close();
  const running = client !== undefined;
  const database = running
    ? say('ok', `a running server is using the data in ${path}`)
    : await openDatabase(config);
  return [database, ...(await room(path, config.core.storage_warn_free)), ...openData(path)];
}

async function openDatabase(config: Config): Promise<Finding> {
  const file = join(config.core.data_path, DATABASE);
  if (!existsSync(file))
    return say('ok', `there is no database in ${config.core.data_path} yet; the first start creates it`);
  try {
    const { admin, close } = await openOffline(config);
    const counts = await Promise.all(
      admin.domains.map(async (domain) => `${(await admin.list(domain)).length} on ${domain}`),
    );
    await close();
    await assertWhole(file);
    const fromFuture = await newestAhead(file);
    if (fromFuture) return fromFuture;
    return say('ok', `${file} is readable and undamaged; accounts: ${counts.join(', ') || 'none'}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const todo =
      'run this command as the owner of the file; if the file is damaged, stop the server and restore a backup with "enjamb restore FILE"';
    return say('error', `the server cannot start: ${reason}`, todo);
  }
}

/** After the clock was wrong, the time of new messages would stand still. */
async function newestAhead(file: string): Promise<Finding | undefined> {
  const { newestFromFuture } = await import('../../storage/index.ts');
  const at = newestFromFuture(file, Date.now());
  if (at === undefined) return undefined;
  const message = `the newest message is from the future: ${new Date(at).toISOString()}`;
  return say('error', message, 'correct the clock; if it is right, run "enjamb archive repair-time"');
}

async function assertWhole(file: string): Promise<void> {
  const { damageOf } = await import('../../storage/index.ts');
  const damage = damageOf(file);
  if (damage.length > 0) throw new Error(`${file} is damaged: ${damage.join('; ')}`);
}

/** With a full disk, messages for offline users are refused. */
async function room(path: string, lowBytes: number): Promise<readonly Finding[]> {
  const { bavail, bsize } = await statfs(existing(path));
  const free = bavail * bsize;
  if (free >= lowBytes) return [];
  const message = `only ${formatSize(Math.floor(free / MIB) * MIB)} are free at ${path}; nothing can be stored on a full disk`;
  return [say('warning', message, 'free some space, or move data_path to a larger disk')];
}

function existing(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : existing(dirname(path));
}

function say(severity: Finding['severity'], message: string, todo?: string): Finding {
  return { check: 'storage', severity, message, ...(todo === undefined ? {} : { todo }) };
}
