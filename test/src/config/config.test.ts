import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { readDefinitions } from '../../../scripts/docs/definitions.ts';
import { type Config, loadConfig, readModuleSources } from '../../../src/config/config.ts';
import { ConfigError, type ConfigProblem } from '../../../src/config/error.ts';
import type { KnownModules } from '../../../src/config/modules.ts';
import { duration, integer, string } from '../../../src/config/options.ts';

const PING_MUC = { ping_muc_delay: duration('Wait', { default: '60 seconds', min: 1 }) };
const SMACKS = { smacks_hibernation_time: duration('Wait', { default: '10 minutes' }) };
const ANYWHERE = ['local', 'component', 'external'];
const KNOWN: KnownModules = new Map([
  ['dialback', { enabledOn: ANYWHERE }],
  ['muc', { serves: 'muc', options: { muc_history: integer('Messages', { default: 20, min: 0 }) } }],
  ['ping', { enabledOn: ['local', 'component'] }],
  ['ping_muc', { enabledOn: ['local'], options: PING_MUC }],
  ['quiz', {}],
  ['roster', { enabledOn: ['local'] }],
  ['rooms_only', { enabledOn: ['muc'] }],
  ['smacks', { enabledOn: ANYWHERE, options: SMACKS }],
  ['time', { enabledOn: ['local', 'component'] }],
]);

/** Each row: what is wrong, the text, and the problems as `line:column path | expected | got | hint`. */
const MISTAKES: readonly (readonly [rule: string, text: string, problems: readonly string[]])[] = [
  [
    'an unknown option, with the nearest known one',
    'c2s_prots = [5222]\n[hosts.a]',
    ['1:1 c2s_prots | a known option | "c2s_prots" | did you mean "c2s_ports"?'],
  ],
  [
    'a hyphen for an underscore, and a capital',
    'Ping-muc-delay = 5\n[hosts.a]',
    ['1:1 Ping-muc-delay | a known option | "Ping-muc-delay" | did you mean "ping_muc_delay"?'],
  ],
  [
    'an unknown option that is like no other has no suggestion',
    'favourite_colour = "blue"\n[hosts.a]',
    ['1:1 favourite_colour | a known option | "favourite_colour" | '],
  ],
  [
    'an unknown option of a host',
    '[hosts.a]\n  pingmucdelay = 3',
    ['2:3 hosts.a.pingmucdelay | a known option | "pingmucdelay" | did you mean "ping_muc_delay"?'],
  ],
  [
    'a wrong type',
    's2s_require_encryption = "yes"\n[hosts.a]',
    ['1:1 s2s_require_encryption | true or false | "yes" | '],
  ],
  [
    'a value out of range',
    'ping_muc_delay = 0\n[hosts.a]',
    ['1:1 ping_muc_delay | a duration such as 90 or "10 minutes", at least 1 second | 0 | '],
  ],
  [
    'a wrong item of a list, at its own place',
    'c2s_ports = [\n  5222,\n  "five", # comment, with [brackets]\n]\n[hosts.a]',
    ['3:3 c2s_ports.1 | an integer from 0 to 65535 | "five" | '],
  ],
  [
    'a mistyped choice',
    'log_level = "inf"\n[hosts.a]',
    ['1:1 log_level | one of "debug", "info", "warn", "error" | "inf" | did you mean "info"?'],
  ],
  [
    'an unknown key of an inline table',
    '[limits]\nc2s = { rat = "1 MiB/s" }\n[hosts.a]',
    ['2:9 limits.c2s.rat | a known key | "rat" | did you mean "rate"?'],
  ],
  [
    'a dotted key',
    'limits.c2s.burst = "lots"\n[hosts.a]',
    ['1:12 limits.c2s.burst | a size such as 65536 or "256 KiB", at least 1 byte | "lots" | '],
  ],
  [
    'an unknown module, with the nearest known one',
    'modules_enabled = ["roster", "smack"]\n[hosts.a]',
    ['1:30 modules_enabled.1 | a module that is installed | "smack" | did you mean "smacks"?'],
  ],
  [
    'an unknown module to be disabled under a host',
    '[hosts."b.a"]\nmodules_disabled = ["pingmuc"]',
    [
      '2:21 hosts."b.a".modules_disabled.0 | a module that is installed | "pingmuc" | did you mean "ping_muc"?',
    ],
  ],
  [
    'an option of the whole server under a host',
    '[hosts.a]\nc2s_ports = [1]',
    [
      '2:1 hosts.a.c2s_ports | a known option | "c2s_ports" | "c2s_ports" is for the whole server: put it at the top of the file, above the first line in [brackets]',
    ],
  ],
  [
    'an option of one host at the top',
    'component = "muc"\n[hosts.a]',
    [
      '1:1 component | a known option | "component" | "component" is an option of one host: put it below a line [hosts."NAME"]',
    ],
  ],
  [
    'no host at all',
    'log_level = "info"',
    [
      '? | at least one host | none | add a line such as [hosts."example.org"], with the domain of your users',
    ],
  ],
  [
    'a host that is no table',
    'hosts = ["a.example"]',
    [
      '1:1 hosts | at least one host | a list | add a line such as [hosts."example.org"], with the domain of your users',
    ],
  ],
  [
    'a host name with a user in front',
    '[hosts."ann@example.org"]',
    [
      '1:8 hosts."ann@example.org" | a domain name | "ann@example.org" | a host is a domain, without the part up to the "@"',
    ],
  ],
  [
    'a host name that no domain can have',
    '[hosts."-x..y"]',
    [
      '1:8 hosts."-x..y" | a domain name | "-x..y" | only letters, digits, hyphens and dots, such as "example.org"',
    ],
  ],
  [
    'a host twice, in different case',
    '[hosts."a.b"]\n[hosts."A.b"]',
    [
      '2:8 hosts."A.b" | every host once | "A.b" | it is the same as a.b above; case does not matter in domains',
    ],
  ],
  [
    'an external component without a secret',
    '[hosts.x]\ncomponent = "external"',
    [
      '2:1 hosts.x.component | a component_secret beside component = "external" | none | the component logs in with it (XEP-0114): component_secret = "a long random text"',
    ],
  ],
  [
    'a secret for a component that is not external',
    '[hosts.x]\ncomponent = "muc"\ncomponent_secret = "s3cret"',
    [
      '3:1 hosts.x.component_secret | component = "external" beside it | component = "muc" | take component_secret away, or add component = "external"',
    ],
  ],
  [
    'a kind of component that is unknown',
    '[hosts.x]\ncomponent = "mux"',
    ['2:1 hosts.x.component | one of "muc", "external" | "mux" | did you mean "muc"?'],
  ],
  [
    'an administrator without the domain, among other mistakes',
    'admins = ["ann", "bob@a.example"]\nlog_level = "loud"\n[hosts."rooms.a.example"]\ncomponent = "muc"\n[hosts."a.example"]\nadmins = ["carl"]',
    [
      '1:11 admins.0 | an account such as "romeo@example.org" | "ann" | the domain is missing: write it as "ann@a.example"',
      '2:1 log_level | one of "debug", "info", "warn", "error" | "loud" | ',
      '6:11 hosts."a.example".admins.0 | an account such as "romeo@example.org" | "carl" | the domain is missing: write it as "carl@a.example"',
    ],
  ],
  [
    'an administrator with a character that no name may have',
    'admins = ["d\'artagnan@a.example"]\n[hosts."a.example"]',
    [
      '1:11 admins.0 | an address such as "romeo@example.org" | "d\'artagnan@a.example" | a name cannot contain \'; the escaped form is d\\27artagnan@a.example (XEP-0106)',
    ],
  ],
  [
    'one port for two listeners',
    'c2s_ports = [5222, 5269]\n[hosts.a]',
    ['1:20 c2s_ports.1 | a free port | 5269 | s2s_ports uses this port by default; choose another one'],
  ],
  [
    'a port twice in one list',
    's2s_ports = [5000, 5000]\n[hosts.a]',
    ['1:20 s2s_ports.1 | a free port | 5000 | s2s_ports uses this port; choose another one'],
  ],
];

for (const [rule, text, expected] of MISTAKES) {
  test(`explains a mistake: ${rule}`, () => {
    assert.deepEqual(problemsOf(text).map(line), expected);
  });
}

test('reports all mistakes of a file together, in the order of the file', () => {
  const text =
    'c2s_prots = [1]\nlog_level = 5\n[hosts."x y"]\nadmins = "ann@example.org"\n[hosts.b]\nfoo_bar_baz = 1';
  const problems = problemsOf(text);
  assert.deepEqual(
    problems.map((problem) => problem.line),
    [1, 2, 3, 4, 6],
  );
});

test('the message of a ConfigError has file, line, column and hint of each mistake', () => {
  assert.throws(() => loadConfig({ path: '/etc/enjamb.toml', text: 'c2s_prots = [1]\n[hosts.a]' }, KNOWN), {
    name: 'ConfigError',
    message:
      '/etc/enjamb.toml has a mistake:\n' +
      '  /etc/enjamb.toml:1:1: c2s_prots: expected a known option, got "c2s_prots"\n    did you mean "c2s_ports"?',
  });
});

test('a syntax error has its line and column', () => {
  const [problem, ...others] = problemsOf('log_level = "info"\nadmins = = 5\n');
  assert.deepEqual([problem?.line, problem?.column, others.length], [2, 10, 0]);
});

test('a syntax error on a line with a secret does not show the line', () => {
  assert.throws(
    () => loadConfig({ text: '[hosts.a]\ncomponent_secret = "hunter2" x' }, KNOWN),
    (error: Error) => error instanceof ConfigError && !error.message.includes('hunter2'),
  );
});

test('a file that cannot be read: which, why, and what to do', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'enjamb-config-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const missing = join(folder, 'enjamb.toml');
  assert.throws(() => loadConfig({ path: missing }, KNOWN), {
    name: 'ConfigError',
    message:
      `there is no configuration file ${missing}\n` +
      `    copy enjamb.example.toml to ${missing} and change its domain, or name another file with -c FILE`,
  });
  assert.throws(() => loadConfig({ path: folder }, KNOWN), {
    message:
      `${folder} is a directory, not a configuration file\n` + `    name the file in it: -c ${missing}`,
  });
});

/** Each row: the text, and `line:column message | hint` of its one problem. */
const NO_TOML: readonly (readonly [rule: string, text: string, problem: string])[] = [
  [
    'a key twice',
    'c2s_ports = [5222]\nlog_level = "info"\nc2s_ports = [5223]\n[hosts.a]',
    '3:1 c2s_ports is repeated; it is first set on line 1 | keep one of the two; put all values of a list into the same brackets',
  ],
  [
    'a table twice',
    '[hosts."a.b"]\n[hosts.c]\n[hosts."a.b"]\n',
    '3:2 [hosts."a.b"] is repeated; it is first set on line 1 | put all its settings below one such line',
  ],
  [
    'a key twice in an inline table',
    '[limits]\nc2s = { rate = 1, rate = 2 }\n[hosts.a]',
    '2:19 limits.c2s.rate is repeated; it is first set on line 2 | keep one of the two; put all values of a list into the same brackets',
  ],
  [
    'text without quotes, below a table of the same parent',
    '[hosts.b]\n[hosts.a]\ncomponent = muc',
    '3:13 not valid TOML: invalid value: component = muc | text needs quotes, as in storage = "sqlite"; numbers, true and false do not',
  ],
  [
    'a list without its end',
    'interfaces = ["*"\n[hosts.a]',
    '2:1 not valid TOML: expected comma or end of structure: [hosts.a] | a comma is missing, or the bracket that ends a list or table',
  ],
  [
    'a line that is no setting',
    'log_level = "info"\nhosts\n',
    '2:6 not valid TOML: illegal character in key: hosts | a line is NAME = VALUE, a [table], or a comment that begins with #',
  ],
  [
    'two values in one setting',
    'c2s_ports = 5222 5223\n[hosts.a]',
    '1:18 not valid TOML: each key-value declaration must be followed by an end-of-line: c2s_ports = 5222 5223 | put each setting on its own line; write several values as a list: [1, 2]',
  ],
];

for (const [rule, text, expected] of NO_TOML) {
  test(`a file that is not TOML is explained: ${rule}`, () => {
    const problems = problemsOf(text).map(
      ({ line, column, message, hint }) => `${line}:${column} ${message} | ${hint}`,
    );
    assert.deepEqual(problems, [expected]);
  });
}

/** Each row: a setting for something that this version does not have, and `line:column path message | hint`. */
const PLANNED: readonly (readonly [text: string, problem: string])[] = [
  ['http_ports = [5280]', '1:1 http_ports this version does not support HTTP yet | remove http_ports'],
  ['https_ports = [5281]', '1:1 https_ports this version does not support HTTP yet | remove https_ports'],
  [
    'http_interfaces = ["*"]',
    '1:1 http_interfaces this version does not support HTTP yet | remove http_interfaces',
  ],
  [
    'allow_registration = true',
    '1:1 allow_registration this version does not support account registration by clients (XEP-0077) yet | remove allow_registration',
  ],
  [
    'authentication = "anonymous"',
    '1:1 authentication this version does not support any value other than "internal_hashed" yet | remove authentication',
  ],
  [
    '[hosts.x]\ncomponent = "pubsub"',
    '2:1 hosts.x.component this version does not support a publish-subscribe service yet | remove this host',
  ],
  [
    '[hosts.x]\ncomponent = "http_file_share"',
    '2:1 hosts.x.component this version does not support file upload yet | remove this host',
  ],
];

for (const [text, expected] of PLANNED) {
  test(`what this version does not have is refused with that reason: ${text.split('\n').at(-1)}`, () => {
    const problems = problemsOf(`${text}\n[hosts.a]`);
    assert.deepEqual(
      problems.map(
        ({ line, column, path, message, hint }) => `${line}:${column} ${path} ${message} | ${hint}`,
      ),
      [expected],
    );
  });
}

test('what this version does not have may be switched off', () => {
  load(
    'http_ports = []\nhttps_ports = []\nhttp_interfaces = []\nallow_registration = false\nauthentication = "internal_hashed"\n[hosts.a]',
  );
});

test('refuses keys that would reach into the prototype', () => {
  for (const key of ['__proto__', 'constructor']) {
    assert.throws(() => loadConfig({ text: `${key} = 1\n[hosts.a]` }, KNOWN), ConfigError);
    assert.throws(() => loadConfig({ text: `[hosts.${key}]\n` }, KNOWN), ConfigError);
  }
});

test('a key at the top is the default of all hosts, one under a host is that host’s', () => {
  const config = load(
    'ping_muc_delay = 5\ns2s_secure_auth = false\n[hosts.a]\n[hosts.b]\nping_muc_delay = "1 minute"',
  );
  assert.equal(config.get(PING_MUC).ping_muc_delay, 5000);
  assert.equal(host(config, 'a').get(PING_MUC).ping_muc_delay, 5000);
  assert.equal(host(config, 'b').get(PING_MUC).ping_muc_delay, 60_000);
  assert.equal(config.core.s2s_secure_auth, false);
});

test('an option that the file does not name has its default', () => {
  assert.equal(host(load('[hosts.a]'), 'a').get(PING_MUC).ping_muc_delay, 60_000);
});

test('RFC 7622 §3.2: a host has one name, however the file writes it', () => {
  assert.equal(load('[hosts."XN--mnchen-3ya.example"]').hosts[0]?.domain, 'münchen.example');
  assert.equal(load('[hosts."MÜNCHEN.example"]').hosts[0]?.domain, 'münchen.example');
  assert.deepEqual(load('s2s_insecure_domains = ["B.Example"]\n[hosts.a]').core.s2s_insecure_domains, [
    'b.example',
  ]);
});

test('limits: a table, false as a whole, false for one, a rate of 0', () => {
  const off = { rate: false, burst: 4 * 1024 * 1024 };
  assert.deepEqual(load('[hosts.a]').core.limits.c2s, { rate: 1024 * 1024, burst: 4 * 1024 * 1024 });
  assert.deepEqual(load('limits = false\n[hosts.a]').core.limits.c2s, off);
  assert.deepEqual(load('[limits]\nc2s = false\n[hosts.a]').core.limits.c2s, off);
  assert.deepEqual(load('[limits]\nc2s = { rate = 0 }\n[hosts.a]').core.limits.c2s, off);
  assert.equal(load('[limits]\nc2s = false\n[hosts.a]').core.limits.s2s.rate, 4 * 1024 * 1024);
});

test('modules: the default list, without what is disabled at the top or under the host', () => {
  const config = load('modules_disabled = ["time"]\n[hosts.a]\nmodules_disabled = ["ping_muc"]\n[hosts.b]');
  assert.deepEqual(host(config, 'a').modules, ['dialback', 'ping', 'roster', 'smacks']);
  assert.deepEqual(host(config, 'b').modules, ['dialback', 'ping', 'ping_muc', 'roster', 'smacks']);
});

test('modules: modules_enabled replaces the default list; a host’s own list wins', () => {
  const config = load(
    'modules_enabled = ["roster", "ping"]\n[hosts.a]\n[hosts.b]\nmodules_enabled = ["ping", "ping"]',
  );
  assert.deepEqual(host(config, 'a').modules, ['roster', 'ping']);
  assert.deepEqual(host(config, 'b').modules, ['ping']);
});

test('modules: an essential one is added to any list of its kind of host, unless it is disabled', () => {
  const known = new Map([...KNOWN, ['login', { enabledOn: ['local'], essential: true }]]);
  const modulesOf = (text: string, domain = 'a') => host(loadConfig({ text }, known), domain).modules;
  assert.deepEqual(modulesOf('modules_enabled = ["ping"]\n[hosts.a]'), ['login', 'ping']);
  assert.deepEqual(modulesOf('[hosts.a]\nmodules_enabled = ["ping", "login"]'), ['login', 'ping']);
  assert.deepEqual(modulesOf('[hosts.a]\nmodules_enabled = []'), ['login']);
  assert.deepEqual(modulesOf('modules_disabled = ["login"]\nmodules_enabled = ["ping"]\n[hosts.a]'), [
    'ping',
  ]);
  assert.deepEqual(modulesOf('[hosts.a]\n[hosts.r]\ncomponent = "muc"\nmodules_enabled = []', 'r'), ['muc']);
});

test('modules: one that is enabled with another follows it into any list, unless it is disabled', () => {
  const known = new Map([...KNOWN, ['rejoin', { enabledWith: ['ping_muc'] }]]);
  const modulesOf = (text: string) => host(loadConfig({ text }, known), 'a').modules;
  assert.deepEqual(modulesOf('modules_enabled = ["ping_muc", "ping"]\n[hosts.a]'), [
    'ping_muc',
    'ping',
    'rejoin',
  ]);
  assert.deepEqual(modulesOf('[hosts.a]\nmodules_enabled = ["ping"]'), ['ping']);
  const disabled = 'modules_enabled = ["ping_muc"]\n[hosts.a]\n';
  assert.deepEqual(modulesOf(`${disabled}modules_disabled = ["rejoin"]`), ['ping_muc']);
  assert.deepEqual(modulesOf(`${disabled}modules_disabled = ["ping_muc"]`), []);
});

test('modules: a component keeps what makes it work whatever the list at the top says', () => {
  const config = load(
    'modules_enabled = ["roster"]\n[hosts.a]\n[hosts.r]\ncomponent = "muc"\n[hosts.q]\ncomponent = "muc"\nmodules_enabled = ["ping"]',
  );
  assert.deepEqual(host(config, 'r').modules, ['muc', 'dialback', 'ping', 'rooms_only', 'smacks', 'time']);
  assert.deepEqual(host(config, 'q').modules, ['muc', 'ping']);
});

test('modules: a name with a slash or an @ is a package, which is known before the file is checked', () => {
  const text =
    'plugin_paths = ["plugins"]\nmodules_enabled = ["@acme/mod", "ping", "rain/sun", "@x"]\n[hosts.a]';
  assert.deepEqual(readModuleSources({ path: '/etc/enjamb/enjamb.toml', text }), {
    folder: '/etc/enjamb',
    pluginPaths: ['/etc/enjamb/plugins'],
    packages: ['@acme/mod', 'rain/sun', '@x'],
  });
});

test('modules: a package stands for its module, also where it is disabled, and its options are known', () => {
  const packages = {
    names: new Map([['@acme/mod', 'weather']]),
    files: new Map([['weather', 'file:///site/node_modules/@acme/mod/index.js']]),
    problems: new Map<string, string>(),
  };
  const known = new Map([
    ...KNOWN,
    ['weather', { options: { weather_city: string('Where', { default: 'Verona' }) } }] as const,
  ]);
  const modulesOf = (text: string) => host(loadConfig({ text }, known, packages), 'a').modules;
  const enabled = 'modules_enabled = ["@acme/mod", "ping", "weather"]\nweather_city = "Mantua"\n';
  assert.deepEqual(modulesOf(`${enabled}[hosts.a]`), ['weather', 'ping']);
  assert.deepEqual(modulesOf(`${enabled}modules_disabled = ["@acme/mod"]\n[hosts.a]`), ['ping']);
  assert.deepEqual(modulesOf(`${enabled}[hosts.a]\nmodules_disabled = ["weather"]`), ['ping']);
});

test('modules: one that cannot be used is a mistake where it is enabled, with the reason', () => {
  const reason = 'install it: npm install @acme/mod, in /etc/enjamb';
  const packages = { names: new Map(), files: new Map(), problems: new Map([['@acme/mod', reason]]) };
  const text = '[hosts.a]\nmodules_enabled = ["@acme/mod"]';
  assert.throws(
    () => loadConfig({ text }, KNOWN, packages),
    ({ problems }: ConfigError) => {
      assert.deepEqual(problems, [
        {
          path: 'hosts.a.modules_enabled.0',
          line: 2,
          column: 20,
          expected: 'a module that can be used',
          got: '"@acme/mod"',
          hint: reason,
        },
      ]);
      return true;
    },
  );
});

test('paths count from the folder of the file, without a file from the working directory', () => {
  const text = 'data_path = "../var"\ncertificates = "/srv/certs"\n[hosts.a]';
  const { core } = loadConfig({ path: '/etc/enjamb/enjamb.toml', text }, KNOWN);
  assert.deepEqual([core.data_path, core.certificates], ['/etc/var', '/srv/certs']);
  assert.equal(load('[hosts.a]').core.data_path, resolve('data'));
});

test('without a file: localhost with users and rooms.localhost with rooms', () => {
  const { hosts, path } = loadConfig({}, KNOWN);
  assert.equal(path, undefined);
  assert.deepEqual(
    hosts.map(({ domain, component }) => [domain, component]),
    [
      ['localhost', undefined],
      ['rooms.localhost', 'muc'],
    ],
  );
});

test('an external component has its secret and answers for itself', () => {
  const external = host(load('[hosts.x]\ncomponent = "external"\ncomponent_secret = "s3cret"'), 'x');
  assert.deepEqual(
    [external.component, external.componentSecret, external.modules],
    ['external', 's3cret', ['dialback', 'smacks']],
  );
});

test('enjamb.example.toml is valid, and shows the defaults', async () => {
  const modules = new Map((await readDefinitions()).map((module) => [module.name, module]));
  const text = readFileSync(new URL('../../../enjamb.example.toml', import.meta.url), 'utf8');
  const example = loadConfig({ text }, modules);
  const plain = loadConfig({ text: 'admins = ["ann@example.org"]\n[hosts."example.org"]' }, modules);
  assert.deepEqual(example.core, plain.core);
  for (const { name, options = {} } of modules.values())
    assert.deepEqual(example.get(options), plain.get(options), name);
  assert.deepEqual(
    example.hosts.map(({ domain, component }) => [domain, component]),
    [
      ['example.org', undefined],
      ['rooms.example.org', 'muc'],
    ],
  );
});

function load(text: string): Config {
  return loadConfig({ text }, KNOWN);
}

function host(config: Config, domain: string): Config['hosts'][number] {
  const found = config.hosts.find((candidate) => candidate.domain === domain);
  assert.ok(found, `no host ${domain}`);
  return found;
}

function problemsOf(text: string): readonly ConfigProblem[] {
  try {
    loadConfig({ text }, KNOWN);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

function line({ line, column, path, expected, got, hint = '' }: ConfigProblem): string {
  const place = line === undefined ? '?' : `${line}:${column} ${path}`;
  return [place, expected, got, hint].join(' | ');
}
