// `enjamb check certs`: whether every host has a certificate that clients and servers accept, and for how long.

import { existsSync } from 'node:fs';
import type { Config } from '../../config/config.ts';
import { CertificateStore } from '../../net/certificates.ts';
import type { Finding } from './finding.ts';
import { openKeys } from './privacy.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

export async function checkCertificates(config: Config): Promise<readonly Finding[]> {
  if (config.path === undefined && !existsSync(config.core.certificates)) {
    return [
      { check: 'certs', severity: 'ok', message: 'the first start creates certificates for development' },
    ];
  }
  const store = new CertificateStore(config.core.certificates);
  const problems = await store.reload();
  const domains = config.hosts.map((host) => host.domain);
  const messages = new Set<string>();
  const findings: Finding[] = [];
  for (const { severity, message } of [...problems, ...store.check(domains)]) {
    if (!messages.has(message)) findings.push({ check: 'certs', severity, message });
    messages.add(message);
  }
  return [...findings, ...openKeys(store.certificates), ...domains.flatMap((domain) => good(store, domain))];
}

function good(store: CertificateStore, domain: string): readonly Finding[] {
  const certificate = store.certificateFor(domain);
  const days = certificate === undefined ? 0 : Math.floor((certificate.notAfter - Date.now()) / DAY_MS);
  if (certificate === undefined || days <= 0) return [];
  return [
    {
      check: 'certs',
      severity: 'ok',
      message: `${domain} has the certificate ${certificate.path}, valid for ${days} more days`,
    },
  ];
}
