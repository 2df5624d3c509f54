// What each error means and what to do about it. The types see to it that none is missing.

import type { ExitCode } from '../../src/cli/terminal.ts';
import type { ModuleErrorCode } from '../../src/core/errors.ts';
import type { NetErrorCode } from '../../src/net/errors.ts';
import type { StorageCondition } from '../../src/storage/error.ts';
import type { SaslCondition, StanzaCondition, StreamCondition } from '../../src/xml/errors.ts';

export interface Advice {
  readonly means: string;
  readonly todo: string;
}

function advice(means: string, todo: string): Advice {
  return { means, todo };
}

/** For errors that one program reports to another. */
const REPORT = 'A bug, here or there: the log has more; report it';

export const EXIT_CODES: Readonly<Record<ExitCode, Advice>> = {
  0: advice('It is done', 'Nothing'),
  1: advice(
    'It was refused or has failed',
    'Read the reason on standard error; for `enjamb check`, the lines that begin with WRONG',
  ),
  2: advice('The command line is wrong', 'Compare it with `enjamb COMMAND --help`'),
};

export const MODULE_ERRORS: Readonly<Record<ModuleErrorCode, Advice>> = {
  MODULE_NOT_FOUND: advice(
    'No folder has a module of that name',
    'Compare the name with [modules.md](modules.md); for a third-party module, check `plugin_paths`, or name its package in `modules_enabled`',
  ),
  MODULE_INVALID: advice(
    'The file exists, but exports no module, one of another name, or one with an invalid option',
    'The message says which; a module is written as in [writing-a-module.md](writing-a-module.md)',
  ),
  MODULE_DEPENDENCY_MISSING: advice(
    'A module needs another that does not exist, or uses one that it does not name in `depends`',
    'Install what is missing, or take the module off the list; in the second case its author has to correct it',
  ),
  MODULE_DEPENDENCY_CIRCULAR: advice(
    'Modules need each other, or come after each other, in a circle, which the message shows',
    'Take one of them off the list; its author has to break the circle',
  ),
  MODULE_API_VERSION: advice(
    'The module is written for another version of what this server offers to modules',
    'Install the version of the module that fits; [api-changes.md](api-changes.md) tells its author what has changed',
  ),
  MODULE_WRONG_SCOPE: advice(
    'The module runs on hosts with users only, or on components only, and this host is of the other kind',
    'Name it in `modules_enabled` of hosts of the right kind only',
  ),
  MODULE_IN_USE: advice(
    'The module cannot be unloaded, because other modules need it',
    'Unload those first; the message names them',
  ),
  MODULE_NOT_LOADED: advice(
    'The module does not run on that host',
    '`enjamb module list` says what runs where',
  ),
  MODULE_HANDLER_CONFLICT: advice(
    'Two modules answer the same request',
    'Enable one of the two that the message names: `modules_disabled = ["…"]`',
  ),
  MODULE_LOAD_FAILED: advice(
    'The file could not be read, or the module threw an error while it was loading',
    'The message has the reason, the log has the stack',
  ),
};

export const NET_ERRORS: Readonly<Record<NetErrorCode, Advice>> = {
  'queue-overflow': advice(
    'The peer does not read what it is sent, so the connection was closed',
    'Nothing, as long as it is rare; otherwise look for a slow network or a stuck program at that address',
  ),
  closed: advice('The connection was closed already', 'Nothing'),
  'starttls-refused': advice(
    'Unencrypted bytes arrived where TLS should begin: an attack, or a broken program in between',
    'Find out what is between the two servers; the unencrypted bytes were ignored',
  ),
  'tls-failed': advice(
    'The TLS handshake failed or took too long',
    'Compare TLS versions and certificates of both sides; `enjamb check certs` looks at ours',
  ),
  'no-certificate': advice(
    'There is no certificate for the name that the peer asked for',
    'Put one for that host into the directory `certificates`; `enjamb check certs` says which are missing',
  ),
  'no-such-domain': advice('The domain does not exist in the DNS', 'Check the spelling of the address'),
  'no-service': advice(
    'The DNS records of the domain say that it does not offer this service',
    'Nothing: its administrator decided so',
  ),
  'dns-failed': advice(
    'No DNS server gave a usable answer',
    'Check that this machine can resolve names, or set `dns_servers`',
  ),
  'dns-bogus': advice(
    'The DNSSEC signature of the answer is wrong: the domain is misconfigured, or the answer was forged',
    'If others see it too, its administrator has to correct the signature; otherwise find out who forges answers',
  ),
  'dane-mismatch': advice(
    'The certificate of the other server does not match its TLSA records (DANE), so nothing was sent to it',
    'Tell its administrator, who may have renewed the certificate but not the records; it may also be an attack',
  ),
  'connect-failed': advice(
    'None of the addresses of the other server could be reached',
    'Wait; if it persists, check firewalls, IPv6, and whether others can reach it; `enjamb s2s list` has the last error',
  ),
  'listen-failed': advice(
    'A port could not be opened',
    'The message says whether another program uses it, or whether a privilege is missing; `enjamb start` ends with 1',
  ),
  'too-many-connections': advice(
    'One address has reached the limit of connections',
    'Nothing, if it is an attack; otherwise find out which program opens so many',
  ),
};

export const STORAGE_ERRORS: Readonly<Record<StorageCondition, Advice>> = {
  'item-not-found': advice(
    'A client asked to continue from an entry of an archive that no longer exists',
    'Nothing',
  ),
  'resource-constraint': advice('Too much is waiting to be written', 'Check the disk: it is too slow'),
  full: advice(
    'The disk is full. What is stored can still be read',
    'Free some space, or move `data_path` to a larger disk; the server needs no restart',
  ),
  damaged: advice(
    'The database is damaged. Nothing more can be written, and some of it cannot be read',
    'Stop the server, run `enjamb check storage`, and restore a backup',
  ),
  'newer-database': advice(
    'The database was written by a newer version of the server',
    'Run that version, or restore a backup made by this version',
  ),
  'not-loaded': advice(
    'A module has read what an owner has who was not in memory',
    'Report it to the author of the module that the line names',
  ),
  closed: advice(
    'Something could not be stored, because the server was stopping',
    'Nothing; report it if it happens at other times',
  ),
  failed: advice(
    'The database could not be read or written; the message has the cause',
    'Check disk space and permissions with `enjamb check storage`; if the file is damaged, stop the server and restore a backup',
  ),
};

export const SASL_ERRORS: Readonly<Record<SaslCondition, Advice>> = {
  aborted: advice('The client cancelled its login', 'Nothing'),
  'account-disabled': advice(
    'The password is right, but the account is disabled',
    '`enjamb user enable JID`',
  ),
  'credentials-expired': advice('The password has expired', 'Set a new one: `enjamb user passwd JID`'),
  'encryption-required': advice('The login is allowed with TLS only', 'Switch on encryption in the client'),
  'incorrect-encoding': advice('Something is not valid Base64', REPORT),
  'invalid-authzid': advice('A login on behalf of another account', 'Log in as that account itself'),
  'invalid-mechanism': advice('The client chose a SASL mechanism that was not offered', 'Update the client'),
  'malformed-request': advice('The client does not follow the specification of its mechanism', REPORT),
  'mechanism-too-weak': advice(
    'The mechanism is not safe enough for the account',
    'Choose a stronger one in the client',
  ),
  'not-authorized': advice(
    'User or password is wrong, or a server could not prove its name',
    'Check both; `enjamb user passwd JID` sets a new password. Servers: the log says which proof was missing',
  ),
  'temporary-auth-failure': advice('The login could not be checked', 'Try again later; the log says why'),
};

export const STANZA_ERRORS: Readonly<Record<StanzaCondition, Advice>> = {
  'bad-request': advice('The stanza does not follow its specification', REPORT),
  conflict: advice('The name is taken, such as the nickname in a room', 'Choose another'),
  'feature-not-implemented': advice('Part of a specification that this server does not have', 'Nothing'),
  forbidden: advice('The sender lacks permission', 'Ask the owner, for example of the room'),
  gone: advice('The address is no longer in use', 'Use the new one, if it is given'),
  'internal-server-error': advice(
    'Something broke in this server',
    'The log has the module and the reason; report it',
  ),
  'item-not-found': advice('There is no such thing at this address', 'Check the address'),
  'jid-malformed': advice(
    'The address is not valid, or lacks a part such as the nickname',
    'Correct the address',
  ),
  'not-acceptable': advice('The content of the request is refused', 'Read the text; change the content'),
  'not-allowed': advice(
    'This is not allowed for anyone; about a server: `s2s_allow` or `s2s_block` forbids it',
    'Nothing, or correct the lists',
  ),
  'not-authorized': advice('A password is missing or wrong, such as that of a room', 'Enter it again'),
  'policy-violation': advice(
    'A rule of this server forbids it, or it is larger than the other server accepts',
    'Read the text; send less',
  ),
  'recipient-unavailable': advice('The recipient is temporarily unavailable', 'Try again later'),
  redirect: advice('The recipient is at another address for now', 'Use that'),
  'registration-required': advice('Members only', 'Ask to become one'),
  'remote-server-not-found': advice(
    'There is no server for that domain',
    'Check the address; see `no-such-domain` above',
  ),
  'remote-server-timeout': advice(
    'The other server, or the component, could not be reached, or has not answered in time',
    'Try again later; `enjamb s2s list` or `enjamb components list` has the reason',
  ),
  'resource-constraint': advice(
    'A limit is reached: of contacts, rooms, or waiting stanzas',
    'Try again later, or remove something',
  ),
  'service-unavailable': advice(
    'The service does not exist here: the module is not enabled, or the user is offline or hidden',
    'If it should work, compare `enjamb module list` with [modules.md](modules.md)',
  ),
  'subscription-required': advice('Only for those who may see the presence', 'Ask for a subscription'),
  'undefined-condition': advice('A reason that has no word of its own', 'Read the text'),
  'unexpected-request': advice('The request arrived at the wrong time', REPORT),
};

export const STREAM_ERRORS: Readonly<Record<StreamCondition, Advice>> = {
  'bad-format': advice('XML that cannot be used here', REPORT),
  'bad-namespace-prefix': advice('A prefix that was never declared', REPORT),
  conflict: advice(
    'The same client has connected again, or a component whose domain is served already',
    'Nothing; if it goes on, two clients use one resource, or two copies of a component run',
  ),
  'connection-timeout': advice('The peer was silent for too long', 'Nothing'),
  'host-gone': advice('The host is no longer served here', 'Look up where it is now'),
  'host-unknown': advice(
    'The host is not served here, or no component of that name is configured',
    'Check the domain, and `[hosts."…"]` in the configuration',
  ),
  'improper-addressing': advice('An address is missing or not valid', REPORT),
  'internal-server-error': advice('Something broke in this server', 'The log has the reason; report it'),
  'invalid-from': advice(
    'A sender for which the peer is not authorised',
    'Nothing: it is an attack, or a misconfigured server',
  ),
  'invalid-namespace': advice(
    'Not the protocol of this port',
    'Connect clients, servers and components to their own ports',
  ),
  'invalid-xml': advice('XML that does not fit its specification', REPORT),
  'not-authorized': advice(
    'A stanza arrived before the login, the account was disabled or deleted, or the secret of a component is wrong',
    'For a component, compare its secret with `component_secret`; otherwise it is a bug, here or there',
  ),
  'not-well-formed': advice('The XML is not well-formed', REPORT),
  'policy-violation': advice(
    'A rule of this server was broken, such as a limit of size, or of failed logins',
    'Read the text beside it',
  ),
  'remote-connection-failed': advice('A server behind this one could not be reached', 'Try again later'),
  reset: advice(
    'The connection has to be opened again, for example after the password was changed',
    'Enter the new password if the client asks for it; otherwise nothing, clients do it automatically',
  ),
  'resource-constraint': advice('A limit is reached', 'Try again later'),
  'restricted-xml': advice('XML that XMPP forbids, such as comments', REPORT),
  'see-other-host': advice('Another machine serves this', 'Nothing; clients follow automatically'),
  'system-shutdown': advice('The server stops', 'Nothing; clients reconnect automatically'),
  'undefined-condition': advice('A reason that has no word of its own', 'Read the text beside it'),
  'unsupported-encoding': advice('Not UTF-8', REPORT),
  'unsupported-feature': advice(
    'The peer requires a feature that is missing here',
    'Update the older of the two',
  ),
  'unsupported-stanza-type': advice(
    'An unknown element',
    'If a module should handle it, compare `enjamb module list` with [modules.md](modules.md)',
  ),
  'unsupported-version': advice('XMPP before 1.0', 'Update the other side'),
};
