// Modules that did not come with the server: from folders and from npm packages, checked like everything else.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readConfig } from '../../../src/cli/configuration.ts';
import type { ConfigError, ConfigProblem } from '../../../src/config/error.ts';
import { Server } from '../../../src/server.ts';
import { silentLogger } from '../../../src/util/logger.ts';
import { enjamb, QUIET, siteFolder, write } from './folder.ts';

const HOST = '[hosts."montague.lit"]\n';

/** A module with options and a command; `more` stands in its definition. */
function weather(name = 'weather', more = ''): string {
  return `
    import { defineModule, duration, oneOf } from 'enjamb/api';
    export default defineModule({
      name: '${name}',
      summary: 'Tells the weather',
      options: {
        ${name}_interval: duration('How often to look', { default: '1 hour', min: '1 minute' }),
        ${name}_units: oneOf('Of temperatures', ['celsius', 'kelvin'], { default: 'celsius' }),
      },
      ${more}
      load(module) {
        const { ${name}_interval: everyMs, ${name}_units: units } = module.options;
        module.command({ name: '${name}', summary: 'x', args: {}, run: () => ({ data: { everyMs, units } }) });
      },
    });
  `;
}

const manifest = (name: string, more = {}) =>
  JSON.stringify({ name, version: '1.0.0', type: 'module', exports: { import: './lib/index.js' }, ...more });

/** What the module says, of a server that runs with the configuration of a folder. */
async function weatherOn(t: TestContext, folder: string): Promise<unknown> {
  const server = new Server({ config: await readConfig(join(folder, 'enjamb.toml')), log: silentLogger });
  await server.start();
  t.after(() => server.stop());
  return (await server.commands.run('weather', {}, { by: 'test' })).data;
}

async function problemsOf(folder: string): Promise<readonly ConfigProblem[]> {
  const error = await readConfig(join(folder, 'enjamb.toml')).catch((cause: unknown) => cause as ConfigError);
  assert.ok('problems' in error, 'the configuration was accepted');
  return error.problems;
}

test('a module of a folder in plugin_paths, relative to the file, runs with its options', async (t) => {
  const text = `${QUIET}plugin_paths = ["plugins"]\nmodules_enabled = ["weather"]\nweather_units = "kelvin"\n${HOST}`;
  const folder = siteFolder(t, { 'enjamb.toml': text, 'plugins/weather.ts': weather() });
  assert.deepEqual(await weatherOn(t, folder), { everyMs: 3_600_000, units: 'kelvin' });
});

test('a package with a scope, or a file of one, is found beside the configuration', async (t) => {
  for (const [spec, path] of [
    ['@acme/weather', '@acme/weather/lib/index.js'],
    ['acme-weather/rain.js', 'acme-weather/rain.js'],
  ] as const) {
    const packageName = spec.startsWith('@') ? spec : 'acme-weather';
    const exported = spec.startsWith('@') ? {} : { exports: { './rain.js': './rain.js' } };
    const text = `${QUIET}modules_enabled = ["${spec}"]\nweather_interval = "5 minutes"\n${HOST}`;
    const folder = siteFolder(t, {
      'enjamb.toml': text,
      [`node_modules/${packageName}/package.json`]: manifest(packageName, exported),
      [`node_modules/${path}`]: weather(),
    });
    assert.deepEqual(await weatherOn(t, folder), { everyMs: 300_000, units: 'celsius' }, spec);
    const ended = await enjamb(folder, 'check', 'config');
    assert.equal(ended.code, 0, ended.out);
  }
});

test('a module of a folder may depend on a package by the name of its module', async (t) => {
  const folder = siteFolder(t, {
    'enjamb.toml': `${QUIET}plugin_paths = ["plugins"]\nmodules_enabled = ["walk", "@acme/weather"]\n${HOST}`,
    'plugins/walk.ts': weather('walk', "depends: ['weather'],"),
    'node_modules/@acme/weather/package.json': manifest('@acme/weather'),
    'node_modules/@acme/weather/lib/index.js': weather(),
  });
  assert.deepEqual(await weatherOn(t, folder), { everyMs: 3_600_000, units: 'celsius' });
});

test('a module may serve a kind of component, and be enabled on hosts without being listed', async (t) => {
  const folder = siteFolder(t, {
    'enjamb.toml': `${QUIET}plugin_paths = ["plugins"]\n[hosts.a]\n[hosts.b]\ncomponent = "forecast"\n`,
    'plugins/weather.ts': weather('weather', `scope: 'component', serves: 'forecast',`),
    'plugins/rain.ts': weather('rain', `enabledOn: ['local'],`),
    'plugins/snow.ts': weather('snow', `scope: 'component', enabledOn: ['forecast'],`),
  });
  const { hosts } = await readConfig(join(folder, 'enjamb.toml'));
  const [users, service] = hosts.map(({ modules }) => modules);
  assert.deepEqual([users?.includes('rain'), users?.includes('snow')], [true, false]);
  assert.deepEqual(
    service?.filter((name) => !name.startsWith('s')),
    ['weather', 'adhoc', 'dialback', 'disco', 'ping', 'time', 'version'],
  );
  assert.equal(service?.includes('snow'), true);
  assert.deepEqual(await weatherOn(t, folder), { everyMs: 3_600_000, units: 'celsius' });
});

test('a module that replaces one of the server is enabled where that one is', async (t) => {
  const folder = siteFolder(t, { 'enjamb.toml': `${QUIET}plugin_paths = ["plugins"]\n[hosts.a]\n` });
  for (const text of [weather('ping'), 'this is no program']) {
    write(folder, 'plugins/ping.ts', text);
    const { hosts } = await readConfig(join(folder, 'enjamb.toml'));
    assert.ok(hosts[0]?.modules.includes('ping'), text);
  }
});

test('options of third-party modules are checked with position, range and suggestion', async (t) => {
  const folder = siteFolder(t, {
    'enjamb.toml': [
      'plugin_paths = ["plugins"]',
      'modules_enabled = ["@acme/rain", "weather"]',
      'weather_intervall = 60',
      'rain_interval = "10 seconds"',
      '[hosts."montague.lit"]',
      'weather_units = "celcius"',
    ].join('\n'),
    'plugins/weather.ts': weather(),
    'node_modules/@acme/rain/package.json': manifest('@acme/rain'),
    'node_modules/@acme/rain/lib/index.js': weather('rain'),
  });
  const problems = (await problemsOf(folder)).map(({ line, column, path, expected, hint }) =>
    [`${line}:${column}`, path, expected, hint].join(' | '),
  );
  assert.deepEqual(problems, [
    '3:1 | weather_intervall | a known option | did you mean "weather_interval"?',
    '4:1 | rain_interval | a duration such as 90 or "10 minutes", at least 1 minute | ',
    '6:1 | hosts."montague.lit".weather_units | one of "celsius", "kelvin" | did you mean "celsius"?',
  ]);
});

/** Each row: what `modules_enabled` names, the files beside the configuration, and what the administrator reads. */
const UNUSABLE: readonly (readonly [
  rule: string,
  name: string,
  files: Readonly<Record<string, string>>,
  hint: RegExp,
])[] = [
  ['is not installed', '@acme/weather', {}, /^install it: run "npm install @acme\/weather" in \//],
  ['is a file of a package that is not installed', 'acme/x/y.js', {}, /npm install acme" in \//],
  ['is a path', './weather.js', {}, /a path is not a package: put its folder into plugin_paths/],
  [
    'has a syntax error',
    'weather',
    { 'plugins/weather.ts': 'export default {' },
    /the module "weather" could not be read/,
  ],
  ['exports nothing', 'weather', { 'plugins/weather.ts': '' }, /must export default defineModule/],
  ['has another name', 'weather', { 'plugins/weather.ts': weather('rain') }, /names itself "rain"/],
  [
    'has no snake_case name',
    '@acme/weather',
    {
      'node_modules/@acme/weather/package.json': manifest('@acme/weather'),
      'node_modules/@acme/weather/lib/index.js': `export default { name: 'Weather-1', load() {} }`,
    },
    /names itself "Weather-1", which is not snake_case/,
  ],
  [
    'takes an option of the server',
    'weather',
    { 'plugins/weather.ts': weather().replaceAll('weather_units', 'log_level') },
    /has an option "log_level", which is the server's own/,
  ],
  [
    'serves the kind of component that is the server’s own',
    'weather',
    { 'plugins/weather.ts': weather('weather', `serves: 'external',`) },
    /serves "external", which is the server's own/,
  ],
  [
    'serves a kind of component and is for users',
    'weather',
    { 'plugins/weather.ts': weather('weather', `serves: 'forecast',`) },
    /serves "forecast", and so needs scope: 'component'/,
  ],
  [
    'lists no kinds of hosts',
    'weather',
    { 'plugins/weather.ts': weather('weather', `enabledOn: 'local',`) },
    /must list kinds of hosts in `enabledOn`/,
  ],
  [
    'has an option that is none',
    'weather',
    { 'plugins/weather.ts': `export default { name: 'weather', options: { weather_x: 5 }, load() {} }` },
    /must make its option "weather_x" by a builder/,
  ],
];

for (const [rule, name, files, hint] of UNUSABLE) {
  test(`a module that ${rule} is a mistake of the configuration, at its place`, async (t) => {
    const text = `plugin_paths = ["plugins"]\n[hosts.a]\nmodules_enabled = ["${name}"]\n`;
    const folder = siteFolder(t, { 'enjamb.toml': text, ...files });
    const problems = await problemsOf(folder);
    assert.equal(problems.length, 1);
    assert.deepEqual([problems[0]?.line, problems[0]?.column], [3, 20]);
    assert.match(problems[0]?.hint ?? '', hint);
  });
}

test('two packages with modules of one name: the second is refused', async (t) => {
  const folder = siteFolder(t, { 'enjamb.toml': 'modules_enabled = ["@a/x", "@b/x"]\n[hosts.a]\n' });
  for (const name of ['@a/x', '@b/x']) {
    write(folder, `node_modules/${name}/package.json`, manifest(name));
    write(folder, `node_modules/${name}/lib/index.js`, weather());
  }
  const [problem, ...rest] = await problemsOf(folder);
  assert.equal(rest.length, 0);
  assert.equal(problem?.got, '"@b/x"');
  assert.equal(problem?.hint, 'it has a module "weather", like the package "@a/x": remove one of the two');
});

/** Each row: what keeps a list of modules from loading, the files in the plugin folder, and the words and code. */
const UNLOADABLE: readonly (readonly [
  rule: string,
  files: Readonly<Record<string, string>>,
  message: RegExp,
])[] = [
  [
    'need each other',
    { sun: weather('sun', "depends: ['moon'],"), moon: weather('moon', "depends: ['sun'],") },
    /Modules depend on each other in a circle: sun → moon → sun[\s\S]*MODULE_DEPENDENCY_CIRCULAR/,
  ],
  [
    'need one that does not exist',
    { sun: weather('sun', "depends: ['moon'],") },
    /the module "sun" needs the module "moon", which is not installed[\s\S]*MODULE_DEPENDENCY_MISSING/,
  ],
  [
    'are for components',
    { sun: weather('sun', "scope: 'component',") },
    /the module "sun" is for components, and montague\.lit is not one of them[\s\S]*MODULE_WRONG_SCOPE/,
  ],
];

for (const [rule, files, message] of UNLOADABLE) {
  test(`modules that ${rule}: start and check end with 1 and say which`, async (t) => {
    const folder = siteFolder(t, {
      'enjamb.toml': `${QUIET}plugin_paths = ["plugins"]\nmodules_enabled = ["sun"]\n${HOST}`,
    });
    for (const [name, text] of Object.entries(files)) write(folder, `plugins/${name}.ts`, text);
    const started = await enjamb(folder, 'start');
    assert.deepEqual([started.code, started.out], [1, '']);
    assert.match(started.err, message);
    assert.doesNotMatch(started.err, /^\s+at /m);
    const checked = await enjamb(folder, 'check', 'config');
    assert.equal(checked.code, 1);
    assert.match(checked.out, message);
  });
}

test('a name that no module has: start and check end with 1 and suggest the nearest', async (t) => {
  const folder = siteFolder(t, { 'enjamb.toml': `${QUIET}modules_enabled = ["pingmuc"]\n${HOST}` });
  for (const args of [['start'], ['check', 'config']]) {
    const { code, out, err } = await enjamb(folder, ...args);
    assert.equal(code, 1);
    assert.match(out + err, /"pingmuc"[\s\S]*did you mean "ping_muc"\?/);
  }
});

test('check: a disabled module that another one needs is doubtful', async (t) => {
  const folder = siteFolder(t, { 'enjamb.toml': `${QUIET}modules_disabled = ["roster"]\n${HOST}` });
  const { code, out } = await enjamb(folder, 'check', 'config');
  assert.equal(code, 0);
  assert.match(out, /doubtful {2}config: modules_disabled: "roster" is loaded on montague\.lit nevertheless/);
});
