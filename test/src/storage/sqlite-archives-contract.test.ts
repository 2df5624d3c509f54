import { archivesContract } from '../../storage/contract.ts';
import { openSqlite } from '../../storage/folder.ts';

archivesContract('sqlite', openSqlite);
