import { openStorage } from '../../../src/storage/index.ts';
import { storageContract } from '../../storage/contract.ts';
import { late } from '../../support/late-storage.ts';

const open = () => openStorage({ driver: 'memory', dataPath: '/nonexistent' });

storageContract('memory', open);
storageContract('late', async () => late(await open()));
