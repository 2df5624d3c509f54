// The table of docs/clients.md, in short: all programs made with libraries, and what must not get worse.

import { shortTable } from './short.ts';

shortTable('killed, archive');
