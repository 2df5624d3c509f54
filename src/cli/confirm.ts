// Asks for confirmation before a command deletes something for good.

import { CliError, type Terminal } from './terminal.ts';

/**
 * Asks on a terminal; the default answer is no. Without a terminal, `--yes` (`isSure`) is required.
 * @throws CliError unless the answer is yes.
 */
export async function confirm(question: string, isSure: boolean, terminal: Terminal): Promise<void> {
  if (isSure) return;
  if (terminal.stdin.isTTY !== true) {
    throw new CliError('this cannot be undone: confirm it with --yes', 2);
  }
  terminal.stderr.write(`${question} [y/N] `);
  const answer = await line(terminal);
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('cancelled: nothing was deleted');
}

/** Reads one line; empty at the end of the input. */
function line({ stdin }: Terminal): Promise<string> {
  return new Promise((resolve) => {
    const finish = (text: string): void => {
      stdin.off('data', onData);
      stdin.off('end', onEnd);
      stdin.pause();
      resolve(text);
    };
    const onData = (data: Buffer | string): void => finish(String(data));
    const onEnd = (): void => finish('');
    stdin.on('data', onData);
    stdin.on('end', onEnd);
    stdin.resume();
  });
}
