import { storesContract } from '../../storage/contract.ts';
import { openSqlite } from '../../storage/folder.ts';

storesContract('sqlite', openSqlite);
