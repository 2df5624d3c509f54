// Generates docs/xeps.md: the implemented specifications, with version and place.

import type { ModuleDefinition } from '../../src/api/module.ts';
import { GENERATED, page, table } from './markdown.ts';
import { titleOf } from './titles.ts';

/** Specifications that no module implements, with their folders in `src`. */
export const CORE: readonly (readonly [specification: string, folder: string])[] = [
  ['RFC 2782', 'net'],
  ['RFC 4616', 'sasl'],
  ['RFC 5802', 'sasl'],
  ['RFC 6120', 'c2s, s2s, stream, core'],
  ['RFC 6698', 'net'],
  ['RFC 7622', 'xml'],
  ['RFC 7671', 'net'],
  ['RFC 7673', 'net, s2s'],
  ['RFC 7677', 'sasl'],
  ['RFC 8305', 'net'],
  ['RFC 9266', 'c2s, sasl'],
  ['RFC 9525', 'net'],
  ['XEP-0114 1.6', 'component'],
  ['XEP-0178 1.2', 's2s'],
  ['XEP-0368 1.1.0', 'net'],
  ['XEP-0440 1.0.0', 'c2s'],
];

interface Row {
  readonly specification: string;
  readonly version: string;
  readonly places: string[];
}

export function xepsPage(definitions: readonly ModuleDefinition[]): string {
  const rows = collect(definitions);
  const tableOf = (kind: string) =>
    table(
      ['specification', 'title', 'version', 'where'],
      rows
        .filter(({ specification }) => specification.startsWith(kind))
        .map(({ specification, version, places }) => [
          link(specification),
          titleOf(specification),
          version,
          places.join(', '),
        ]),
    );
  return page(
    '# Specifications',
    GENERATED,
    'The code follows the version in this table. A specification is implemented by a [module](modules.md) or by a folder of `src/`.',
    '## Extensions',
    tableOf('XEP'),
    '## Standards of the IETF',
    tableOf('RFC'),
  );
}

function collect(definitions: readonly ModuleDefinition[]): Row[] {
  const rows = new Map<string, Row>();
  const add = (text: string, place: string): void => {
    const [series = '', number = '', given] = text.split(/[ -]/);
    const specification = series === 'XEP' ? `XEP-${number}` : `RFC ${number}`;
    const version = given ?? '';
    const row = rows.get(specification) ?? { specification, version, places: [] };
    if (row.version !== version)
      throw new Error(`${specification}: ${row.version} or ${version}, in ${place}?`);
    row.places.push(place);
    rows.set(specification, row);
  };
  for (const [specification, folder] of CORE) add(specification, folder.replaceAll(/\w+/g, 'src/$&'));
  for (const { name, implements: specs = [] } of definitions)
    for (const specification of specs) add(specification, `[${name}](modules.md#${name})`);
  return [...rows.values()].sort((a, b) => (a.specification < b.specification ? -1 : 1));
}

function link(specification: string): string {
  const [series, number] = specification.toLowerCase().split(/[ -]/);
  const address =
    series === 'xep'
      ? `https://xmpp.org/extensions/xep-${number}.html`
      : `https://www.rfc-editor.org/rfc/rfc${number}`;
  return `[${specification}](${address})`;
}
