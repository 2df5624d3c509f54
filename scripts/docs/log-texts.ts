// The meaning and remedy of log lines at level warn and error. A test checks that none is missing.

import type { Advice } from './error-texts.ts';

const BUG = 'Report the line with its stack, since it is a bug of the server or of a module';

function advice(means: string, todo: string): Advice {
  return { means, todo };
}

export const LOG_LINES: Readonly<Record<string, Advice>> = {
  // Configuration, certificates and files
  'certificate problem': advice(
    'A certificate is unusable, has expired or expires soon, or a host has none; then clients and servers cannot connect to that host',
    'Do what `problem` says; `enjamb check certs` shows the same',
  ),
  'no certificate: clients cannot log in': advice(
    'A client connected to a host that has no usable certificate',
    'Put one into the directory `certificates` and send SIGHUP',
  ),
  'file is open to others': advice(
    'Other users of the machine can read the data or a private key',
    'Run the command in `todo`',
  ),
  'configuration not reloaded': advice(
    'The file has a mistake; the server continues with the old configuration',
    'Correct it as `problem` and `todo` say, and send SIGHUP again',
  ),
  'reload failed': advice('The configuration could not be applied', BUG),
  'setting needs a restart': advice(
    'The setting has changed, and a running server cannot apply it',
    'Restart the server at a suitable time',
  ),
  'admin socket failed': advice(
    'The command `enjamb` cannot connect to the server any more',
    'Restart the server; if the error names too many open files, raise that limit first',
  ),
  // Modules
  'module not loaded': advice(
    'A module of the new list could not be loaded: `missing` or `error` says why',
    'Correct the error, then send SIGHUP',
  ),
  'module failed to load': advice(
    'The module threw an error while it was loading',
    'Report `error` to the author of the module',
  ),
  'modules not changed': advice(
    'The new list of modules could not be applied, so the old one stays',
    'Correct the error, then send SIGHUP',
  ),
  // Clients
  'too many failed logins': advice(
    'An address or account (`limit`) has reached the limit of failed logins, and has to wait',
    'Nothing, if it is an attack; otherwise find the device that has an old password',
  ),
  'authentication impossible': advice(
    'A login could not be checked, for example because the account is unreadable',
    'Run `enjamb check storage`',
  ),
  'stored message unreadable': advice(
    'A message for an offline user is damaged in the database',
    'Run `enjamb check storage`',
  ),
  'stored subscription request unreadable': advice(
    'A subscription request is damaged in the database; the user sees it without its content',
    'Run `enjamb check storage`',
  ),
  'private element unreadable': advice(
    'A private element (XEP-0049) is damaged in the database; the client gets an empty one',
    'Run `enjamb check storage`',
  ),
  'room not stored, changes refused': advice(
    'Changes of a persistent room could not be stored, so they were refused with an error',
    'Run `enjamb check storage`',
  ),
  'unacknowledged stanza lost': advice(
    'A stanza that a client did not acknowledge could not be delivered again',
    BUG,
  ),
  'joins not written': advice(
    'The joins of some sessions could not be stored; after a crash their rooms keep clients that are gone',
    'Run `enjamb check storage`',
  ),
  'stanza without a valid sender dropped': advice('A stanza had no valid sender address', BUG),
  // Other servers and components
  'no relaying between other servers': advice(
    'Another server sent a stanza for a domain that this server does not serve',
    'Nothing; if it repeats, inform the administrator of the server in `from`',
  ),
  'component refused: its secret is not component_secret': advice(
    'An external component connected with a wrong secret',
    'Set the same secret on both sides',
  ),
  'component refused: another one is connected': advice(
    'A second program connected for the domain of a connected component',
    'Stop one of the two, or set `component_conflict_resolve = "kick_old"`',
  ),
  'stanza of a component from a malformed address dropped': advice(
    'An external component sent a stanza from a malformed address (`from`)',
    'Report it to the maintainers of the component',
  ),
  // Stop and exit
  'step of the stop took too long': advice(
    'A part of the server did not stop in time, and the stop continued without it',
    BUG,
  ),
  'stopped before everything was closed': advice(
    'The stop reached its limit of 10 seconds',
    'Read the log lines before it',
  ),
  'fatal internal error, exiting': advice(
    'An unexpected exception during the start, or in Node.js itself, ended the server',
    BUG,
  ),
  // Unexpected exceptions (src/util/faults.ts)
  'connection failed': advice('An exception ended one connection', BUG),
  'stream handler failed': advice('An exception ended one stream', BUG),
  'handler failed': advice('A module failed on one stanza or event', BUG),
  'task failed': advice('One task failed', BUG),
  'timer failed': advice('One timed action failed', BUG),
  'background work failed': advice('A piece of background work failed', BUG),
  'lookup or connection attempt failed': advice(
    'One attempt to reach another server failed with an exception',
    BUG,
  ),
  'command failed': advice('A command of an administrator failed with an exception', BUG),
  'storage failed': advice(
    'Something could not be stored or read, and its sender got an error; or the thread that writes the database ended, is started again, and repeats what was not acknowledged',
    'Look up `condition` under Storage, and check disk space, memory and file permissions: `enjamb check storage`',
  ),
  'little disk space left': advice(
    'The disk of `data_path` has less free space than `storage_warn_free`. When it is full, nothing can be stored',
    'Free some space, or move `data_path` to a larger disk',
  ),
  'the write-ahead log is large': advice(
    'What was written could not be moved into the database for a while; `reason` says why',
    'End the program that reads the database, such as a backup by another tool',
  ),
  'the newest message is from the future': advice(
    'The clock was wrong when that message was stored, or is wrong now. New messages get its time until the clock has reached it',
    'Correct the clock; if it is right, stop the server and run `enjamb archive repair-time`',
  ),
  'step of the stop failed': advice(
    'A part of the server failed to stop, and the stop continued without it',
    BUG,
  ),
  'internal error': advice('An exception that no part of the server caught', BUG),
};
