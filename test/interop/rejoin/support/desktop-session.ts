// A D-Bus session of a program's own, in which desktop_session.py takes the notifications and reads the windows.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('./desktop_session.py', import.meta.url));
/** Debian's, for which its packages install GObject. */
const PYTHON = '/usr/bin/python3';

export interface Shown {
  readonly role: string;
  readonly text: string;
  /** Whether it is on the screen; GTK 4.8 never says so. */
  readonly showing: boolean;
}

interface Report {
  readonly alert?: string;
  readonly texts?: readonly Shown[];
}

/** A command for a shell that runs a program in a session. @param file for its reports */
export function inSession(command: string, file: string): string {
  return `dbus-run-session -- sh -c "${PYTHON} ${SCRIPT} ${file} & exec ${command}"`;
}

/** The same as words; each line on their standard input asks for the texts on the windows. */
export function sessionWords(command: readonly string[], file: string): string[] {
  const both = `exec 3<&0; ${PYTHON} ${SCRIPT} ${file} <&3 & exec "$@" </dev/null`;
  return ['dbus-run-session', '--', 'sh', '-c', both, 'sh', ...command];
}

export async function reportsIn(file: string): Promise<Report[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Report);
}

/** All notifications so far, one a line. */
export async function alertsIn(file: string): Promise<string> {
  return (await reportsIn(file)).flatMap(({ alert }) => alert ?? []).join('\n');
}
