// Finds every mistake in a parsed configuration: unknown options, invalid values, impossible combinations.

import { canonicalDomain } from './addresses.ts';
import {
  CORE_OPTIONS,
  componentOption,
  HOST_ONLY_OPTIONS,
  HOST_OPTIONS,
  SERVER_OPTIONS,
} from './core-options.ts';
import type { ConfigDocument } from './document.ts';
import { type ConfigProblem, formatPath, placeOf } from './error.ts';
import type { Path } from './key-index.ts';
import { componentKinds, EXTERNAL, type KnownModules } from './modules.ts';
import { isTable, type Option, OptionError, type OptionIssue, type Options, show } from './option.ts';
import { isPackageName, type PackageModules } from './packages.ts';
import { planned } from './planned.ts';
import { findPortClashes } from './ports.ts';
import type { Fault, Report } from './report.ts';
import { didYouMean, nearest } from './suggest.ts';

type Table = Readonly<Record<string, unknown>>;
type Vocabulary = ReadonlyMap<string, readonly Option<unknown>[]>;
/** Every mistake in the document. */
export function findProblems(
  document: ConfigDocument,
  known: KnownModules,
  packages: PackageModules,
): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const report: Report = (path, { lacks, ...problem }) => {
    const where = { path: formatPath(path), ...placeOf(document.positionOf(path)) };
    const isRepeated = problems.some(
      (other) => other.path === where.path && other.expected === problem.expected,
    );
    const completed = lacks === undefined ? {} : { hint: withDomain(problem.got, document.data.hosts) };
    if (!isRepeated) problems.push({ ...where, ...problem, ...completed });
  };
  const { hosts, ...top } = document.data;
  checkTop(top, known, report);
  checkHosts(hosts, known, report);
  checkModules(document.data, known, packages, report);
  return problems;
}

/** `name` is shown in quotes. */
function withDomain(name: string, hosts: unknown): string {
  const users = Object.entries(isTable(hosts) ? hosts : {}).filter(
    ([, host]) => !isTable(host) || host.component === undefined,
  );
  const [domain = 'example.org'] = users.map(([own]) => own);
  return `the domain is missing: write it as "${name.slice(1, -1)}@${domain}"`;
}

function checkTop(top: Table, known: KnownModules, report: Report): void {
  const vocabulary = wordsOf([CORE_OPTIONS, ...optionsOf(known)]);
  const unknownKeys = checkTable(top, [], vocabulary, report);
  for (const key of unknownKeys) {
    const hint = Object.hasOwn(HOST_ONLY_OPTIONS, key)
      ? `"${key}" is an option of one host: put it below a line [hosts."NAME"]`
      : didYouMean(key, [...vocabulary.keys(), 'hosts']);
    report([key], unknownKey(key, hint));
  }
  findPortClashes(top, report);
}

function checkHosts(hosts: unknown, known: KnownModules, report: Report): void {
  const none = hosts === undefined || (isTable(hosts) && Object.keys(hosts).length === 0);
  if (none || !isTable(hosts)) {
    const hint = 'add a line such as [hosts."example.org"], with the domain of your users';
    report(none ? [] : ['hosts'], { expected: 'at least one host', got: none ? 'none' : show(hosts), hint });
    return;
  }
  const hostOnly = { ...HOST_ONLY_OPTIONS, component: componentOption(componentKinds(known)) };
  const vocabulary = wordsOf([HOST_OPTIONS, hostOnly, ...optionsOf(known)]);
  const seen = new Set<string>();
  for (const [name, host] of Object.entries(hosts)) {
    checkHostName(name, seen, report);
    if (isTable(host)) checkHost(name, host, vocabulary, report);
    else
      report(['hosts', name], {
        expected: 'a table',
        got: show(host),
        hint: `write it as [hosts."${name}"]`,
      });
  }
}

function checkHostName(name: string, seen: Set<string>, report: Report): void {
  const path = ['hosts', name];
  const domain = canonicalDomain(name);
  if (domain === undefined) {
    const hint = name.includes('@')
      ? `a host is a domain, without the part up to the "@"`
      : 'only letters, digits, hyphens and dots, such as "example.org"';
    report(path, { expected: 'a domain name', got: show(name), hint });
    return;
  }
  if (seen.has(domain)) {
    const hint = `it is the same as ${domain} above; case does not matter in domains`;
    report(path, { expected: 'every host once', got: show(name), hint });
  }
  seen.add(domain);
}

function checkHost(name: string, host: Table, vocabulary: Vocabulary, report: Report): void {
  const path = ['hosts', name];
  for (const key of checkTable(host, path, vocabulary, report)) {
    const hint = Object.hasOwn(SERVER_OPTIONS, key)
      ? `"${key}" is for the whole server: put it at the top of the file, above the first line in [brackets]`
      : didYouMean(key, vocabulary.keys());
    report([...path, key], unknownKey(key, hint));
  }
  checkComponent(host, path, report);
}

function checkComponent(host: Table, path: Path, report: Report): void {
  const { component, component_secret: secret } = host;
  if (component === EXTERNAL && secret === undefined) {
    const hint = 'the component logs in with it (XEP-0114): component_secret = "a long random text"';
    report([...path, 'component'], {
      expected: 'a component_secret beside component = "external"',
      got: 'none',
      hint,
    });
  }
  if (component !== EXTERNAL && secret !== undefined) {
    const got = component === undefined ? 'a host without one' : `component = ${show(component)}`;
    const hint = 'take component_secret away, or add component = "external"';
    report([...path, 'component_secret'], { expected: 'component = "external" beside it', got, hint });
  }
}

/** Checks the values of a table; returns the keys that neither the server nor a module knows. */
function checkTable(table: Table, path: Path, vocabulary: Vocabulary, report: Report): readonly string[] {
  const unknownKeys: string[] = [];
  for (const [key, raw] of Object.entries(table)) {
    const options = vocabulary.get(key) ?? [];
    const isKnown = options.some(({ choices }) => choices?.includes(raw as string));
    const refusal = isKnown ? undefined : planned(key, raw);
    if (refusal !== undefined && refusal !== 'off') report([...path, key], refusal);
    else if (refusal === undefined && options.length === 0) unknownKeys.push(key);
    else for (const option of options) checkValue(option, raw, [...path, key], report);
  }
  return unknownKeys;
}

function checkValue(option: Option<unknown>, raw: unknown, path: Path, report: Report): void {
  try {
    option.parse(raw);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    for (const issue of error.issues) report([...path, ...issue.path], faultOf(issue));
  }
}

function faultOf({ expected, got, hint, known = [], lacks }: OptionIssue): Parameters<Report>[1] {
  const word = /^"(.*)"$/.exec(got)?.[1];
  const advice = hint ?? (word === undefined ? undefined : didYouMean(word, known));
  return {
    expected,
    got,
    ...(advice === undefined ? {} : { hint: advice }),
    ...(lacks === undefined ? {} : { lacks }),
  };
}

/** The names of modules, at the top and under each host. */
function checkModules(data: Table, known: KnownModules, packages: PackageModules, report: Report): void {
  const hosts = isTable(data.hosts) ? Object.entries(data.hosts) : [];
  const places = hosts.map(([name, host]): [Path, unknown] => [['hosts', name], host]);
  for (const [path, table] of [[[], data] as [Path, unknown], ...places]) {
    if (!isTable(table)) continue;
    for (const key of ['modules_enabled', 'modules_disabled']) {
      const names = Array.isArray(table[key]) ? table[key] : [];
      for (const [index, name] of names.entries()) {
        const problem = typeof name === 'string' ? moduleProblem(name, known, packages) : undefined;
        const disabled = key === 'modules_disabled' && known.has(name);
        if (problem !== undefined && !disabled) report([...path, key, index], problem);
      }
    }
  }
}

function moduleProblem(name: string, known: KnownModules, packages: PackageModules): Fault | undefined {
  const hint = packages.problems.get(name);
  if (hint !== undefined) return { expected: 'a module that can be used', got: show(name), hint };
  if (known.has(name) || isPackageName(name)) return undefined;
  return { expected: 'a module that is installed', got: show(name), hint: moduleHint(name, known) };
}

function moduleHint(name: string, known: KnownModules): string {
  const best = nearest(name, known.keys());
  if (best !== undefined) return `did you mean "${best}"?`;
  return 'see docs/modules.md for the names of modules; put third-party modules into a folder of plugin_paths';
}

function unknownKey(key: string, hint: string | undefined): Fault {
  return { expected: 'a known option', got: show(key), ...(hint === undefined ? {} : { hint }) };
}

function optionsOf(known: KnownModules): readonly Options[] {
  return [...known.values()].flatMap(({ options }) => (options === undefined ? [] : [options]));
}

function wordsOf(sets: readonly Options[]): Vocabulary {
  const words = new Map<string, Option<unknown>[]>();
  for (const [key, option] of sets.flatMap((set) => Object.entries(set))) {
    words.set(key, [...(words.get(key) ?? []), option]);
  }
  return words;
}
