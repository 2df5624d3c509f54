// Generates docs/modules.md: the purpose, dependencies and options of each module.

import type { ModuleDefinition } from '../../src/api/module.ts';
import { componentKinds, defaultModules, type KnownModules } from '../../src/config/modules.ts';
import type { Option } from '../../src/config/options.ts';
import { code, GENERATED, page, table } from './markdown.ts';

const INTRODUCTION = `A host with users loads the modules marked as default. \`modules_enabled\` replaces that list, and
\`modules_disabled\` removes single modules from it. Both may be at the top of the file for all hosts, or under one host.
The modules that a module depends on are loaded with it. Your own or third-party modules go into a folder of
\`plugin_paths\`, or come from npm: then the name in the list has a scope or a slash, such as \`"@acme/weather"\`. See
[how to write a module](writing-a-module.md).

The options below may be at the top of the file, as the default for all hosts, or under one host. The options of the
server itself are explained in \`enjamb.example.toml\`.`;

export function modulesPage(definitions: readonly ModuleDefinition[]): string {
  const known = new Map(definitions.map((definition) => [definition.name, definition]));
  const rows = definitions.map((definition) => [
    `[${definition.name}](#${definition.name})`,
    definition.summary,
    defaultOn(definition.name, known),
  ]);
  return page(
    '# Modules',
    GENERATED,
    INTRODUCTION,
    table(['module', 'what it does', 'on by default'], rows),
    ...definitions.map(section),
  );
}

function section(definition: ModuleDefinition): string {
  const { name, summary, implements: specs, scope, depends, essential, options } = definition;
  const facts = [
    `- Runs on ${place(scope)}.`,
    ...(essential === true
      ? ['- Is added to `modules_enabled` where that does not list it; `modules_disabled` removes it.']
      : []),
    ...(specs === undefined ? [] : [`- Implements ${specs.join(', ')}.`]),
    ...(depends === undefined
      ? []
      : [`- Needs ${depends.map((needed) => `[${needed}](#${needed})`).join(', ')}.`]),
  ];
  const rows = Object.entries(options ?? {}).map(([key, option]) => optionRow(key, option));
  const blocks = [`## ${name}`, `${summary}.`, facts.join('\n')];
  if (rows.length > 0) blocks.push(table(['option', 'meaning', 'value', 'default'], rows));
  return blocks.join('\n\n');
}

function optionRow(key: string, option: Option<unknown>): string[] {
  return [code(key), option.doc, option.describe(), defaultOf(option)];
}

/** The default value in the notation of the file. */
function defaultOf({ fileDefault, required, secret }: Option<unknown>): string {
  if (required) return 'required';
  if (fileDefault === undefined || secret) return 'none';
  return code(JSON.stringify(fileDefault));
}

function place(scope: ModuleDefinition['scope'] = 'local'): string {
  if (scope === 'host') return 'hosts with users and on components';
  return scope === 'local' ? 'hosts with users' : 'components';
}

function defaultOn(name: string, known: KnownModules): string {
  const isOn = (kind?: string) => defaultModules(kind, known).includes(name);
  const kinds = componentKinds(known);
  if ([undefined, ...kinds].every(isOn)) return 'all hosts';
  const components = kinds.filter(isOn).map((kind) => code(`component = "${kind}"`));
  const places = [...(isOn() ? ['hosts with users'] : []), ...components];
  return places.length === 0 ? 'no' : places.join(', ');
}
