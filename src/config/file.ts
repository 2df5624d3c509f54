// Reads the text of the configuration file. Its errors name the remedy.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigFileError } from './error.ts';

/** @throws ConfigFileError */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw explain(path, error as NodeJS.ErrnoException);
  }
}

function explain(path: string, error: NodeJS.ErrnoException): ConfigFileError {
  const [message, hint] = reasonOf(path, error.code) ?? [
    `cannot read the configuration ${path}: ${error.message}`,
    'name another file with -c FILE',
  ];
  return new ConfigFileError(message, hint);
}

function reasonOf(path: string, code: string | undefined): [message: string, hint: string] | undefined {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return [
        `there is no configuration file ${path}`,
        `copy enjamb.example.toml to ${path} and change its domain, or name another file with -c FILE`,
      ];
    case 'EISDIR':
      return [
        `${path} is a directory, not a configuration file`,
        `name the file in it: -c ${join(path, 'enjamb.toml')}`,
      ];
    case 'EACCES':
    case 'EPERM':
      return [
        `no permission to read the configuration ${path}`,
        `run the command as the owner of the file, or give your user read permission on it and its folder`,
      ];
    default:
      return undefined;
  }
}
