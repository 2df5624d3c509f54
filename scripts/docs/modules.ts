// docs/modules.md: what each module does, needs and can be told.

import type { ModuleDefinition } from '../../src/api/module.ts';
import { componentKinds, defaultModules, type KnownModules } from '../../src/config/modules.ts';
import type { Option } from '../../src/config/options.ts';
import { code, GENERATED, page, table } from './markdown.ts';

const INTRODUCTION = `A host with users has the modules marked as default. \`modules_enabled\` is a list of your own in
their place, \`modules_disabled\` takes single ones off; both may stand at the top of the file for all hosts, or under one
host. What a module needs is loaded with it. A module of your own, or of a third party, goes into a folder that
\`plugin_paths\` names, or comes from npm: then its name in the list has a scope or a slash, as in \`"@acme/weather"\`.
[How to write one](writing-a-module.md) is another page.

The options below may stand at the top of the file as well, as the default for all hosts, or under one host. What the
server itself can be told, apart from its modules, is explained in \`enjamb.example.toml\`.`;

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
  if (rows.length > 0) blocks.push(table(['option', 'what it is', 'takes', 'default'], rows));
  return blocks.join('\n\n');
}

function optionRow(key: string, option: Option<unknown>): string[] {
  return [code(key), option.doc, option.describe(), defaultOf(option)];
}

/** As the file would have it. */
function defaultOf({ fileDefault, required, secret }: Option<unknown>): string {
  if (required) return 'must be given';
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
