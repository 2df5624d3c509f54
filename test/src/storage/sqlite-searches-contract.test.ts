import { searchesContract } from '../../storage/contract.ts';
import { openSqlite } from '../../storage/folder.ts';

searchesContract('sqlite', openSqlite);
