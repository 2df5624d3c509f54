// The options of the server itself; modules declare their own.

import {
  account,
  boolean,
  domain,
  domainPattern,
  duration,
  integer,
  list,
  oneOf,
  rate,
  record,
  size,
  string,
} from './options.ts';

const port = integer('A TCP port; 0 lets the system choose', { min: 0, max: 65_535 });
const address = string('An IP address of this machine, or "*" for all', {
  pattern: /^(\*|[0-9.]{7,15}|[0-9a-fA-F:.]{2,45}(%\w+)?)$/,
  expected: 'an IP address such as "127.0.0.1" or "::1", or "*" for all',
});
const moduleName = string('The name of a module', {
  pattern: /^[@\w./-]{1,200}$/,
  expected: 'the name of a module such as "ping_muc"',
});
const ports = (doc: string, fallback: readonly number[]) => list(doc, port, { default: fallback });
const addresses = (doc: string, fallback: readonly string[]) => list(doc, address, { default: fallback });
const LOOPBACK = ['127.0.0.1', '::1'];

/** A limit on the data that a peer sends: `burst` without delay, more at `rate`. */
const limit = (doc: string, rateDefault: string, burstDefault: string) =>
  record(
    doc,
    {
      rate: rate('Sustained rate; false or 0 removes the limit', {
        default: rateDefault,
      }),
      burst: size('Amount of data that is read without delay before the rate applies', {
        default: burstDefault,
        min: 1,
      }),
    },
    { whenFalse: { rate: false } },
  );

/** Options of the whole server, which are valid only at the top of the file. */
export const SERVER_OPTIONS = {
  data_path: string(
    'The directory of the database and the admin socket, relative to the configuration file',
    {
      default: 'data',
    },
  ),
  certificates: string(
    'The directory of certificates: NAME.crt and NAME.key, or NAME/fullchain.pem and NAME/privkey.pem',
    {
      default: 'certs',
    },
  ),
  interfaces: addresses(
    'Addresses to listen on for clients and servers; "*" is every address of the machine',
    ['*'],
  ),
  c2s_ports: ports('Ports for clients (STARTTLS)', [5222]),
  c2s_direct_tls_ports: ports('Ports for clients with direct TLS (XEP-0368)', [5223]),
  s2s_ports: ports('Ports for other servers (STARTTLS)', [5269]),
  s2s_direct_tls_ports: ports('Ports for other servers with direct TLS (XEP-0368)', [5270]),
  component_ports: ports('Ports for external components (XEP-0114)', [5347]),
  component_interfaces: addresses('Addresses to listen on for external components', LOOPBACK),
  storage: oneOf('Storage of all data: a database file, or memory (lost at exit)', ['sqlite', 'memory'], {
    default: 'sqlite',
  }),
  storage_warn_free: size('Free space on the disk of data_path, below which the log warns', {
    default: '512 MiB',
  }),
  dns_servers: list(
    'DNS servers, as ADDRESS or ADDRESS:PORT; empty: those of the system',
    string('A DNS server', {
      pattern: /^([0-9.]{7,15}(:\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:\d{1,5})?|[0-9a-fA-F:]{2,45})$/,
      expected: 'an address such as "127.0.0.1", "127.0.0.1:5353" or "[::1]:5353"',
    }),
    { default: [] },
  ),
  s2s_refused_addresses: oneOf(
    'Addresses from the DNS that the server does not connect to: loopback and link-local addresses (loopback), also those of private networks (private), or none. An entry for the domain itself in the hosts file is not affected',
    ['none', 'loopback', 'private'],
    { default: 'loopback' },
  ),
  dane: oneOf(
    'Whether TLSA records authenticate other servers (RFC 7673): if a DNS server on this machine has validated them with DNSSEC (auto), if any DNS server claims to have validated them (always: the network path to it must be secure), or not at all (never)',
    ['auto', 'always', 'never'],
    { default: 'auto' },
  ),
  log_level: oneOf('The least severe level that is logged', ['debug', 'info', 'warn', 'error'], {
    default: 'info',
  }),
  connections_per_address: integer(
    'New connections per second from one address (IPv6: one /64 network), with bursts of five times as many. Connections beyond that wait for up to 10 seconds, then they are closed. 0: no limit, neither per address nor in total',
    { default: 20, min: 0 },
  ),
  auth_failures_per_address: integer(
    'Failed logins of one address (IPv6: one /64 network) in a window of time, after which it must wait; 0: no limit',
    { default: 50, min: 0 },
  ),
  auth_failures_per_account: integer(
    'Failed logins to one account in a window of time, at most a tenth of them from one network; 0: no limit',
    { default: 100, min: 0 },
  ),
  auth_failure_window: duration('The window of time in which failed logins are counted', {
    default: '10 minutes',
    min: '1 second',
  }),
  plugin_paths: list(
    'Folders with third-party modules, relative to the configuration file',
    string('A folder'),
    {
      default: [],
    },
  ),
  limits: record(
    'Limits on the data that peers send; false removes all of them',
    {
      c2s: limit(
        'Data from all clients of an account together; each stanza counts 1 KiB more than its size, and 128 bytes for each stanza beyond eight that it causes',
        '1 MiB/s',
        '4 MiB',
      ),
      s2s: limit(
        'Data from another server, or a component, over all its connections; each stanza counts 256 bytes more than its size',
        '4 MiB/s',
        '16 MiB',
      ),
    },
    { whenFalse: { c2s: false, s2s: false } },
  ),
};

/** Options that are valid at the top of the file, as the default of all hosts, and under one host. */
export const HOST_OPTIONS = {
  admins: list('The accounts of administrators', account('An account'), { default: [] }),
  c2s_require_encryption: boolean('Clients must use TLS', { default: true }),
  s2s_require_encryption: boolean('Other servers must use TLS', { default: true }),
  s2s_secure_auth: boolean(
    'Other servers need a valid certificate; false: dialback may authenticate a server without one',
    { default: true },
  ),
  s2s_insecure_domains: list(
    'Servers that dialback may authenticate without a valid certificate',
    domain('A domain'),
    {
      default: [],
    },
  ),
  s2s_allow: list('The only servers that the host communicates with; empty: all', domainPattern('A domain'), {
    default: [],
  }),
  s2s_block: list('Servers that the host does not communicate with', domainPattern('A domain'), {
    default: [],
  }),
  s2s_queue_time: duration(
    'How long stanzas wait for a server that is unreachable but was reachable in the last hour; 0: not at all',
    { default: '90 seconds', max: '1 hour' },
  ),
  s2s_idle_time: duration('The time without stanzas after which a stream with another server is closed', {
    default: '10 minutes',
    min: '30 seconds',
    never: true,
  }),
  allow_unencrypted_plain_auth: boolean('Clients may send their password over an unencrypted connection', {
    default: false,
  }),
  modules_enabled: list('The modules of the host, instead of the default ones', moduleName, {
    optional: true,
  }),
  modules_disabled: list('Modules to remove from the list', moduleName, { default: [] }),
};

const COMPONENT = 'Makes the host a service of this kind instead of a host with users';

/** The option `component` with the kinds that the known modules serve. */
export const componentOption = (kinds: readonly string[]) => oneOf(COMPONENT, kinds, { optional: true });

/** Options that are valid only under one host. */
export const HOST_ONLY_OPTIONS = {
  component: string(COMPONENT, { optional: true }),
  component_secret: string('The password of an external component (XEP-0114)', {
    optional: true,
    secret: true,
    pattern: /./,
    expected: 'text that is not empty',
  }),
  component_conflict_resolve: oneOf(
    'A second connection of an external component is refused while the first one responds (kick_new), or replaces it (kick_old)',
    ['kick_new', 'kick_old'],
    { default: 'kick_new' },
  ),
};

/** All options of the server, as in `Config.core` and `HostConfig.get`. */
export const CORE_OPTIONS = { ...SERVER_OPTIONS, ...HOST_OPTIONS };
