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

/** Said to the other side of a program, not to a person. */
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
    'Compare the name with [modules.md](modules.md); for a module of another maker, look at `plugin_paths`, or name its package in `modules_enabled`',
  ),
  MODULE_INVALID: advice(
    'The file is there, but what it exports is no module, has another name, or an option that cannot be',
    'The message says which; a module is written as in [writing-a-module.md](writing-a-module.md)',
  ),
  MODULE_DEPENDENCY_MISSING: advice(
    'A module needs another that does not exist, or uses one that it does not name in `depends`',
    'Install what is missing, or take the module off the list; in the second case its author has to mend it',
  ),
  MODULE_DEPENDENCY_CIRCULAR: advice(
    'Modules need each other in a circle, which the message shows',
    'Take one of them off the list; its author has to break the circle',
  ),
  MODULE_WRONG_SCOPE: advice(
    'The module is made for hosts with users, or for components, and this host is the other',
    'Name it in `modules_enabled` of hosts of the right kind only',
  ),
  MODULE_IN_USE: advice(
    'Other modules need the one that was to be unloaded',
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
    'The file could not be read, or the module gave up while it was loading',
    'The message has the reason, and the log where it happened',
  ),
};

export const NET_ERRORS: Readonly<Record<NetErrorCode, Advice>> = {
  'queue-overflow': advice(
    'The other side does not read what it is sent; the connection was given up',
    'Nothing, as long as it is rare; else look for a slow line or a stuck program at that address',
  ),
  closed: advice('The connection had gone when something was to be done with it', 'Nothing'),
  'starttls-refused': advice(
    'Bytes came in the clear where TLS was to begin: an attack, or a broken program in between',
    'Find out what is between the two servers; nothing that came in the clear was used',
  ),
  'tls-failed': advice(
    'No agreement on encryption, or it took too long',
    'Compare TLS versions and certificates of both sides; `enjamb check certs` looks at ours',
  ),
  'no-certificate': advice(
    'There is no certificate for the name that the other side asked for',
    'Put one for that host into the folder `certificates`; `enjamb check certs` says which are missing',
  ),
  'no-such-domain': advice('The DNS knows no such domain', 'Check the spelling of the address'),
  'no-service': advice(
    'The domain says that it offers no such service',
    'Nothing: its administrator has decided so',
  ),
  'dns-failed': advice(
    'No DNS server has given a usable answer',
    'Check that this machine can resolve names, or set `dns_servers`',
  ),
  'dns-bogus': advice(
    'The answer is not what its owner has signed (DNSSEC): it is broken there, or forged on the way',
    'Nothing here, if others see it too: its administrator has to sign anew; else find out who answers in its place',
  ),
  'dane-mismatch': advice(
    'The other server showed another certificate than its TLSA records name (DANE), and nothing was sent to it',
    'Tell its administrator, who may have renewed the certificate and not the records; or somebody is in between',
  ),
  'connect-failed': advice(
    'None of the addresses of the other server could be reached',
    'Wait, and if it stays so: check firewalls, IPv6, and whether others can reach it; `enjamb s2s list` has the last error',
  ),
  'listen-failed': advice(
    'A port could not be opened',
    'The message says whether another program has it, or whether it takes more rights; `enjamb start` ends with 1',
  ),
  'too-many-connections': advice(
    'One address holds as many connections as one may have',
    'Nothing, if it is an attack; else find out which program opens so many',
  ),
};

export const STORAGE_ERRORS: Readonly<Record<StorageCondition, Advice>> = {
  'item-not-found': advice(
    'A client asked to go on from an entry of an archive that is no longer there',
    'Nothing',
  ),
  'resource-constraint': advice(
    'More is waiting to be written than may wait',
    'Look at the disk: it is slow, or nearly full',
  ),
  'newer-database': advice(
    'The database was written by a newer version of the server',
    'Run that version, or restore a backup that this one has made',
  ),
  closed: advice(
    'Something was to be stored while the server was stopping',
    'Nothing, unless it happens at other times: then report it',
  ),
  failed: advice(
    'The database could not be read or written; the message has the cause',
    'Check space and rights with `enjamb check storage`; if the file is damaged, stop the server and restore a backup',
  ),
};

export const SASL_ERRORS: Readonly<Record<SaslCondition, Advice>> = {
  aborted: advice('The client broke off its login', 'Nothing'),
  'account-disabled': advice(
    'The password is right, and the account may not log in',
    '`enjamb user enable JID`',
  ),
  'credentials-expired': advice('The password has run out', 'Set a new one: `enjamb user passwd JID`'),
  'encryption-required': advice(
    'A login that is allowed with TLS only',
    'Switch on encryption in the client',
  ),
  'incorrect-encoding': advice('What should be Base64 is none', REPORT),
  'invalid-authzid': advice('A login in the name of somebody else', 'Log in as the account itself'),
  'invalid-mechanism': advice(
    'A way to log in that was not offered',
    'Update the client; it has to choose from what is offered',
  ),
  'malformed-request': advice('The client does not follow its mechanism', REPORT),
  'mechanism-too-weak': advice(
    'The mechanism is not safe enough for the account',
    'Choose a stronger one in the client',
  ),
  'not-authorized': advice(
    'User or password is wrong, or a server could not prove its name',
    'Try again with care; `enjamb user passwd JID` sets a new password. Servers: the log says which proof was missing',
  ),
  'temporary-auth-failure': advice('It could not be decided now', 'Try again later; the log says why'),
};

export const STANZA_ERRORS: Readonly<Record<StanzaCondition, Advice>> = {
  'bad-request': advice('The stanza does not follow its specification', REPORT),
  conflict: advice('The name is taken, such as the nickname in a room', 'Choose another'),
  'feature-not-implemented': advice('Part of a specification that this server does not have', 'Nothing'),
  forbidden: advice('The sender may not do that', 'Ask whoever owns the thing'),
  gone: advice('The address is no longer in use', 'Use the new one, if it is given'),
  'internal-server-error': advice(
    'Something broke in this server',
    'The log has the module and the reason; report it',
  ),
  'item-not-found': advice('There is no such thing at this address', 'Check the address'),
  'jid-malformed': advice('The address is none, or lacks a part such as the nickname', 'Correct the address'),
  'not-acceptable': advice(
    'The request is understood, and its content is refused',
    'Read the text; change the content',
  ),
  'not-allowed': advice(
    'Nobody may do that here; of a server: `s2s_allow` or `s2s_block` is against it',
    'Nothing, or correct the lists',
  ),
  'not-authorized': advice('A password is missing or wrong, such as that of a room', 'Enter it again'),
  'policy-violation': advice(
    'A rule of this server forbids it, or it is larger than the other server takes',
    'Read the text; send less',
  ),
  'recipient-unavailable': advice('The recipient is there, but not now', 'Try again later'),
  redirect: advice('It is to be had at another address for now', 'Use that'),
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
    'A limit is reached: of contacts, rooms, or things that wait',
    'Try again later, or remove something',
  ),
  'service-unavailable': advice(
    'Nobody here does that: the module is not enabled, or the user is not there, or may not be seen',
    'If it should work, compare `enjamb module list` with [modules.md](modules.md)',
  ),
  'subscription-required': advice('Only for those who may see the presence', 'Ask for a subscription'),
  'undefined-condition': advice('A reason that has no word of its own', 'Read the text'),
  'unexpected-request': advice('It came out of turn', REPORT),
};

export const STREAM_ERRORS: Readonly<Record<StreamCondition, Advice>> = {
  'bad-format': advice('XML that cannot be used here', REPORT),
  'bad-namespace-prefix': advice('A prefix that was never declared', REPORT),
  conflict: advice(
    'The same client has connected again, or a component whose domain is served already',
    'Nothing; if it goes on, two clients use one resource, or two copies of a component run',
  ),
  'connection-timeout': advice('Nothing was heard for too long', 'Nothing'),
  'host-gone': advice('The host is no longer served here', 'Look up where it is now'),
  'host-unknown': advice(
    'The host is not served here, or no component of that name is configured',
    'Check the domain, and `[hosts."…"]` in the configuration',
  ),
  'improper-addressing': advice('An address is missing or is none', REPORT),
  'internal-server-error': advice('Something broke in this server', 'The log has the reason; report it'),
  'invalid-from': advice(
    'A sender that the other side may not speak for',
    'An attack, or a server that mixes up its hosts',
  ),
  'invalid-namespace': advice(
    'Not the language of this port',
    'Connect clients, servers and components to their own ports',
  ),
  'invalid-xml': advice('XML that does not fit its specification', REPORT),
  'not-authorized': advice(
    'Something that needs a login came before it, the account was disabled or deleted, or the secret of a component is wrong',
    'A component: compare its secret with `component_secret`; else a bug, here or there',
  ),
  'not-well-formed': advice('No XML at all, or broken XML', REPORT),
  'policy-violation': advice(
    'A rule of this server was broken, such as a limit of size, or of failed logins',
    'Read the text beside it',
  ),
  'remote-connection-failed': advice('A server behind this one could not be reached', 'Try again later'),
  reset: advice(
    'The connection has to be made anew, such as after the password was changed',
    'Enter the new password if the client asks for it; else nothing, clients do it by themselves',
  ),
  'resource-constraint': advice('Too much at once', 'Try again later'),
  'restricted-xml': advice('XML that XMPP forbids, such as comments', REPORT),
  'see-other-host': advice('Another machine serves this', 'Nothing; clients follow by themselves'),
  'system-shutdown': advice('The server stops', 'Nothing; clients come back by themselves'),
  'undefined-condition': advice('A reason that has no word of its own', 'Read the text beside it'),
  'unsupported-encoding': advice('Not UTF-8', REPORT),
  'unsupported-feature': advice(
    'The other side insists on something that is not there',
    'Update the older of the two',
  ),
  'unsupported-stanza-type': advice(
    'An element that nobody here knows',
    'If a module should know it, compare `enjamb module list` with [modules.md](modules.md)',
  ),
  'unsupported-version': advice('XMPP before 1.0', 'Update the other side'),
};
