import { openStorage } from '../../../src/storage/index.ts';
import { storageContract } from '../../storage/contract.ts';
import type { Open } from '../../storage/rows.ts';
import { late } from '../../support/late-storage.ts';

const open: Open = (clock) => openStorage({ driver: 'memory', dataPath: '/nonexistent', clock });

storageContract('memory', open);
storageContract('late', async (clock) => late(await open(clock)));
