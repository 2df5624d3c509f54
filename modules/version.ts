// XEP-0092 Software Version.

import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { defineModule, NS, xml } from 'enjamb/api';

/** Returns the name and version of this software, but not the operating system (§4). */
export default defineModule({
  name: 'version',
  summary: 'Answers requests for the name and version of the server (XEP-0092)',
  implements: ['XEP-0092 1.1'],
  scope: 'host',
  enabledOn: ['local', 'component'],

  load(module) {
    const version = ownVersion();
    module.provide('disco-feature', NS.VERSION);
    module.handleIq({ type: 'get', to: ['host'], name: 'query', xmlns: NS.VERSION }, () =>
      xml('query', NS.VERSION, xml('name', {}, 'enjamb'), xml('version', {}, version)),
    );
  },
});

function ownVersion(): string {
  const path = findPackageJSON('..', import.meta.url);
  if (path === undefined) throw new Error('The package.json of enjamb is missing');
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
  return version;
}
