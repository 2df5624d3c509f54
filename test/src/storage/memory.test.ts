import { openStorage } from '../../../src/storage/index.ts';
import { storageContract } from '../../storage/contract.ts';

storageContract('memory', () => openStorage({ driver: 'memory', dataPath: '/nonexistent' }));
