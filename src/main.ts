// The program: hands its arguments to the command line and ends with its exit code.

import { run } from './cli/program.ts';

const { stdin, stdout, stderr } = process;

// A reader that went away (`enjamb user list | head -1`) is no error of ours.
for (const stream of [stdout, stderr]) stream.on('error', () => {});

const exitCode = await run(process.argv.slice(2), { stdin, stdout, stderr });

// Output into a pipe is written in the background: the process ends once it is out.
process.exitCode = exitCode;
stdout.write('', () => stderr.write('', () => process.exit(exitCode)));
