// Rewrites the usage errors of the command line library in the style of this program.

import type { Command } from 'commander';

/** Applies to a command and all below it. */
export function explainUsage(command: Command, path: string = command.name()): void {
  command.configureOutput({ outputError: (text, write) => write(usageError(text, path)) });
  for (const inner of command.commands) explainUsage(inner, `${path} ${inner.name()}`);
}

/** The last line of every error about arguments. */
function seeHelp(path: string): string {
  return `see "${path} --help"`;
}

function usageError(text: string, path: string): string {
  const said = text
    .replace(/^error: /, '')
    .replaceAll("'", '"')
    .replace(/\(Did you mean (.*)\?\)/, 'did you mean "$1"?')
    .trimEnd();
  return `enjamb: ${said}\n${seeHelp(path)}\n`;
}
