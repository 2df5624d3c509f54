import { pagesContract } from '../../storage/contract.ts';
import { openSqlite } from '../../storage/folder.ts';

pagesContract('sqlite', openSqlite);
