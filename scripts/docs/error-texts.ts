// The meaning and remedy of each error. The types ensure that none is missing.

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

/** The advice for errors that one program reports to another. */
const REPORT = 'Report it: it is a bug of this server or of the other program; the log has details';

export const EXIT_CODES: Readonly<Record<ExitCode, Advice>> = {
  0: advice('The command has succeeded', 'Nothing'),
  1: advice(
    'The command was refused or has failed',
    'Read the reason on standard error; for `enjamb check`, the lines that begin with WRONG',
  ),
  2: advice('The command line is wrong', 'Compare it with `enjamb COMMAND --help`'),
};

export const MODULE_ERRORS: Readonly<Record<ModuleErrorCode, Advice>> = {
  MODULE_NOT_FOUND: advice(
    'There is no module of that name',
    'Compare the name with [modules.md](modules.md); for a third-party module, check `plugin_paths`, or name its package in `modules_enabled`',
  ),
  MODULE_INVALID: advice(
    'The file exports no module, a module of another name, or one with an invalid option',
    'Read the message, and compare the file with [writing-a-module.md](writing-a-module.md)',
  ),
  MODULE_DEPENDENCY_MISSING: advice(
    'A module needs another that does not exist, or uses one that it does not name in `depends`',
    'Install the missing module, or remove the module from the list; a wrong declaration must be corrected by its author',
  ),
  MODULE_DEPENDENCY_CIRCULAR: advice(
    'The dependencies or the order of modules form a circle, which the message shows',
    'Remove one of them from the list; its author must break the circle',
  ),
  MODULE_API_VERSION: advice(
    'The module is written for another version of what this server offers to modules',
    'Install the version of the module that fits; [api-changes.md](api-changes.md) tells its author what has changed',
  ),
  MODULE_WRONG_SCOPE: advice(
    'The module supports only hosts with users, or only components, and this host is of the other kind',
    'Name it in `modules_enabled` of hosts of the right kind only',
  ),
  MODULE_IN_USE: advice(
    'The module cannot be unloaded, because other modules depend on it',
    'Unload first the modules that the message names',
  ),
  MODULE_NOT_LOADED: advice(
    'The module is not loaded on that host',
    'Find its hosts with `enjamb module list`',
  ),
  MODULE_HANDLER_CONFLICT: advice(
    'Two modules handle the same request',
    'Enable one of the two that the message names: `modules_disabled = ["…"]`',
  ),
  MODULE_LOAD_FAILED: advice(
    'The file could not be read, or the module threw an error while it was loading',
    'Read the reason in the message and the stack in the log',
  ),
};

export const NET_ERRORS: Readonly<Record<NetErrorCode, Advice>> = {
  'queue-overflow': advice(
    'The peer did not read its data, so the connection was closed',
    'Nothing, as long as it is rare; otherwise look for a slow network or a stuck program at that address',
  ),
  closed: advice('The connection was closed already', 'Nothing'),
  'starttls-refused': advice(
    'Unencrypted bytes arrived before TLS: an attack, or a faulty program on the network path',
    'Find out which program is between the two servers; the unencrypted bytes were ignored',
  ),
  'tls-failed': advice(
    'The TLS handshake failed or took too long',
    'Compare TLS versions and certificates of both sides; `enjamb check certs` checks yours',
  ),
  'no-certificate': advice(
    'There is no certificate for the name that the peer asked for',
    'Put one for that host into the directory `certificates`; `enjamb check certs` lists missing ones',
  ),
  'no-such-domain': advice('The domain does not exist in the DNS', 'Check the spelling of the address'),
  'no-service': advice(
    'The DNS records of the domain say that it does not offer this service',
    'Nothing: its administrator has declined the service',
  ),
  'dns-failed': advice(
    'No DNS server gave a usable answer',
    'Check that this machine can resolve names, or set `dns_servers`',
  ),
  'dns-bogus': advice(
    'The DNSSEC signature of the answer is wrong: the domain is misconfigured, or the answer was forged',
    'If other sites see it too, the administrator of the domain must correct the signature; otherwise look for an attacker on your network',
  ),
  'dane-mismatch': advice(
    'The certificate of the other server does not match its TLSA records (DANE), so nothing was sent to it',
    'Inform its administrator, who may have renewed the certificate but not the records; it may also be an attack',
  ),
  'connect-failed': advice(
    'None of the addresses of the other server could be reached',
    'Wait; if it persists, check firewalls and IPv6, and whether other servers can reach it; `enjamb s2s list` has the last error',
  ),
  'listen-failed': advice(
    'A port could not be opened',
    'Read in the message whether another program uses the port or a privilege is missing; `enjamb start` exits with 1',
  ),
  'too-many-connections': advice(
    'One address has reached the limit of connections',
    'Nothing, if it is an attack; otherwise find the program that opens so many connections',
  ),
};

export const STORAGE_ERRORS: Readonly<Record<StorageCondition, Advice>> = {
  'item-not-found': advice('A client requested the archive after an entry that no longer exists', 'Nothing'),
  'resource-constraint': advice('Too much is waiting to be written', 'Check the disk: it is too slow'),
  full: advice(
    'The disk is full. What is stored can still be read',
    'Free some space, or move `data_path` to a larger disk; the server needs no restart',
  ),
  damaged: advice(
    'The database is damaged. Nothing more can be written, and some of it cannot be read',
    'Stop the server, run `enjamb check storage`, and restore a backup with `enjamb restore FILE`',
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
    'Data could not be stored, because the server was stopping',
    'Nothing; report it if it happens at other times',
  ),
  failed: advice(
    'The database could not be read or written; the message has the cause',
    'Check disk space and permissions with `enjamb check storage`; if the file is damaged, stop the server and restore a backup with `enjamb restore FILE`',
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
  'incorrect-encoding': advice('The client sent invalid Base64', REPORT),
  'invalid-authzid': advice('A login on behalf of another account', 'Log in as that account itself'),
  'invalid-mechanism': advice('The client chose a SASL mechanism that was not offered', 'Update the client'),
  'malformed-request': advice('The client does not follow the specification of its mechanism', REPORT),
  'mechanism-too-weak': advice(
    'The SASL mechanism is not secure enough for the account',
    'Choose a stronger mechanism in the client',
  ),
  'not-authorized': advice(
    'The user name or password is wrong, or a server could not prove its name',
    'Check both; `enjamb user passwd JID` sets a new password. For servers, the log names the missing proof',
  ),
  'temporary-auth-failure': advice(
    'The login could not be checked',
    'Try again later; the log has the reason',
  ),
};

export const STANZA_ERRORS: Readonly<Record<StanzaCondition, Advice>> = {
  'bad-request': advice('The stanza does not follow its specification', REPORT),
  conflict: advice('The name is in use, such as a nickname in a room', 'Choose another'),
  'feature-not-implemented': advice('The server does not implement this part of a specification', 'Nothing'),
  forbidden: advice('The sender lacks permission', 'Ask the owner, for example of the room'),
  gone: advice('The address is no longer in use', 'Use the new one, if it is given'),
  'internal-server-error': advice(
    'An internal error of this server',
    'The log has the module and the reason; report it',
  ),
  'item-not-found': advice('The address, node or item does not exist', 'Check the address'),
  'jid-malformed': advice(
    'The address is not valid, or lacks a part such as the nickname',
    'Correct the address',
  ),
  'not-acceptable': advice(
    'The content of the request is not acceptable',
    'Read the text of the error; change the content',
  ),
  'not-allowed': advice(
    'The action is not allowed for any user; for a server: `s2s_allow` or `s2s_block` forbids it',
    'Nothing, or correct the lists',
  ),
  'not-authorized': advice('A password is missing or wrong, such as that of a room', 'Enter it again'),
  'policy-violation': advice(
    'A rule of this server forbids the stanza, or it is larger than the other server accepts',
    'Read the text of the error; send less',
  ),
  'recipient-unavailable': advice('The recipient is temporarily unavailable', 'Try again later'),
  redirect: advice('The recipient is at another address for now', 'Use the new address'),
  'registration-required': advice(
    'The room is for members only',
    'Ask an administrator of the room for membership',
  ),
  'remote-server-not-found': advice(
    'There is no server for that domain',
    'Check the address; see `no-such-domain` above',
  ),
  'remote-server-timeout': advice(
    'The other server, or the component, could not be reached, or has not answered in time',
    'Try again later; `enjamb s2s list` and `enjamb components list` have the reason',
  ),
  'resource-constraint': advice(
    'A limit is reached: of contacts, rooms, or waiting stanzas',
    'Try again later, or remove contacts or rooms',
  ),
  'service-unavailable': advice(
    'The service does not exist here: the module is not enabled, or the user is offline or hidden',
    'If the service should exist, compare `enjamb module list` with [modules.md](modules.md)',
  ),
  'subscription-required': advice('The action needs a presence subscription', 'Request a subscription'),
  'undefined-condition': advice('An error without a defined condition', 'Read the text'),
  'unexpected-request': advice('The request arrived at the wrong time', REPORT),
};

export const STREAM_ERRORS: Readonly<Record<StreamCondition, Advice>> = {
  'bad-format': advice('The XML is not allowed at this place', REPORT),
  'bad-namespace-prefix': advice('The XML uses an undeclared prefix', REPORT),
  conflict: advice(
    'The same client has connected again, or a second component for one domain',
    'Nothing; if it repeats, look for two clients with one resource, or two running copies of a component',
  ),
  'connection-timeout': advice('The peer was silent for too long', 'Nothing'),
  'host-gone': advice('The host is no longer served here', 'Look up its new server'),
  'host-unknown': advice(
    'The server does not serve this host, or no component is configured for it',
    'Check the domain, and `[hosts."…"]` in the configuration',
  ),
  'improper-addressing': advice('An address is missing or not valid', REPORT),
  'internal-server-error': advice('An internal error of this server', 'The log has the reason; report it'),
  'invalid-from': advice(
    'The peer sent a stanza from an address that it is not authorised for',
    'Nothing: it is an attack or a misconfigured server',
  ),
  'invalid-namespace': advice(
    'The peer used another protocol than that of the port',
    'Use the right ports for clients, servers and components',
  ),
  'invalid-xml': advice('The XML violates its specification', REPORT),
  'not-authorized': advice(
    'A stanza arrived before the login, the account was disabled or deleted, or the secret of a component is wrong',
    'For a component, compare its secret with `component_secret`; otherwise it is a bug, here or there',
  ),
  'not-well-formed': advice('The XML is not well-formed', REPORT),
  'policy-violation': advice(
    'A rule of this server was violated, such as a limit of size or of failed logins',
    'Read the text of the error',
  ),
  'remote-connection-failed': advice('A server behind this one could not be reached', 'Try again later'),
  reset: advice(
    'The client must connect again, for example after a change of the password',
    'Enter the new password if the client asks for it; otherwise nothing: clients reconnect automatically',
  ),
  'resource-constraint': advice('A limit is reached', 'Try again later'),
  'restricted-xml': advice('The XML has parts that XMPP forbids, such as comments', REPORT),
  'see-other-host': advice('Another machine serves the host', 'Nothing; clients connect to it automatically'),
  'system-shutdown': advice('The server stops', 'Nothing; clients reconnect automatically'),
  'undefined-condition': advice('An error without a defined condition', 'Read the text of the error'),
  'unsupported-encoding': advice('The data is not UTF-8', REPORT),
  'unsupported-feature': advice(
    'The peer requires a feature that this server does not have',
    'Update the older of the two programs',
  ),
  'unsupported-stanza-type': advice(
    'The peer sent an unknown element',
    'If a module should handle it, compare `enjamb module list` with [modules.md](modules.md)',
  ),
  'unsupported-version': advice('The peer uses XMPP before 1.0', 'Update the program of the peer'),
};
