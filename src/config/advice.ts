// Doubtful settings: their consequences and remedies.

import type { Config } from './config.ts';
import type { CORE_OPTIONS } from './core-options.ts';
import type { KnownModules } from './modules.ts';
import type { Infer } from './option.ts';

export interface Advice {
  /** The option, or the host. */
  readonly subject: string;
  /** The consequence of the setting. */
  readonly message: string;
  /** The remedy. */
  readonly todo: string;
}

type Core = Infer<typeof CORE_OPTIONS>;

/** Each rule: the option, the condition, the consequence, the remedy. */
const RULES: readonly (readonly [
  subject: string,
  when: (core: Core) => boolean,
  message: string,
  todo: string,
])[] = [
  [
    'allow_unencrypted_plain_auth',
    (core) => core.allow_unencrypted_plain_auth && !core.c2s_require_encryption,
    'an attacker on the network path can read the passwords and messages of clients without TLS',
    'use it only on a trusted network or in tests; otherwise set c2s_require_encryption = true',
  ],
  [
    'allow_unencrypted_plain_auth',
    (core) => core.allow_unencrypted_plain_auth && core.c2s_require_encryption,
    'it has no effect while c2s_require_encryption is true: clients cannot log in without TLS',
    'remove it',
  ],
  [
    's2s_require_encryption',
    (core) => !core.s2s_require_encryption && core.s2s_secure_auth,
    'it has no effect while s2s_secure_auth is true: a server without TLS has no certificate to show',
    'set s2s_require_encryption = true, or s2s_secure_auth = false as well',
  ],
  [
    's2s_require_encryption',
    (core) => !core.s2s_require_encryption && !core.s2s_secure_auth,
    'an attacker on the network path can read all stanzas exchanged with servers without TLS',
    'use it only on a trusted network or in tests; otherwise set it to true',
  ],
  [
    's2s_secure_auth',
    (core) => !core.s2s_secure_auth,
    'an attacker who can forge DNS answers can impersonate any other domain',
    'set it to true, and list the exceptions in s2s_insecure_domains',
  ],
  [
    'storage',
    (core) => core.storage === 'memory',
    'accounts and everything else are lost when the server stops',
    'set storage = "sqlite"',
  ],
  [
    'limits',
    (core) => core.limits.c2s.rate === false || core.limits.s2s.rate === false,
    'one connection can take all the processing time of the server',
    'use it only for benchmarks and on trusted networks; otherwise set a rate',
  ],
];

/** The doubtful settings of a valid configuration. `known` holds all available modules. */
export function adviceOn(config: Config, known: KnownModules): readonly Advice[] {
  const rules = RULES.filter(([, when]) => when(config.core));
  return [
    ...rules.map(([subject, , message, todo]) => ({ subject, message, todo })),
    ...strangeAdmins(config),
    ...idleOptions(config, known),
  ];
}

function strangeAdmins({ core, hosts }: Config): readonly Advice[] {
  const domains = new Set(hosts.map((host) => host.domain));
  const local = hosts.filter(({ component }) => component === undefined).map(({ domain }) => domain);
  const elsewhere = core.admins.filter((admin) => !domains.has(admin.slice(admin.indexOf('@') + 1)));
  return elsewhere.map((admin) => ({
    subject: 'admins',
    message: `${admin} is an account on another server: the administrators of that server can administer yours`,
    todo: `unless you want that, name an account on one of your own hosts: ${local.join(', ')}`,
  }));
}

/** Options of modules that no host loads. */
function idleOptions(config: Config, known: KnownModules): readonly Advice[] {
  const enabled = new Set(config.hosts.flatMap((host) => host.modules));
  const working = new Set([...enabled].flatMap((name) => Object.keys(known.get(name)?.options ?? {})));
  return [...known]
    .filter(([name]) => !enabled.has(name))
    .flatMap(([name, { options = {} }]) => Object.keys(options).map((key) => [name, key] as const))
    .filter(([, key]) => config.given.has(key) && !working.has(key))
    .map(([name, key]) => ({
      subject: key,
      message: `it has no effect: the module "${name}" is not enabled on any host`,
      todo: `add "${name}" to modules_enabled, or remove the option`,
    }));
}
