// The certificates of our hosts: read from a directory, selected by name, and reloaded at runtime.

import type { SecureContext } from 'node:tls';
import {
  type Certificate,
  type CertificateFiles,
  type CertificateProblem,
  type LoadedCertificate,
  readCertificates,
} from './certificate-files.ts';
import { clientContext } from './client-context.ts';
import { asciiDomain, dnsNameCovers } from './identity.ts';

export type { Certificate, CertificateProblem } from './certificate-files.ts';

export interface CertificateStoreOptions {
  /** Additional PEM certificates of authorities that peers' certificates may be signed by. */
  ca?: readonly string[];
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Certificates are usually renewed a month before they expire; less time than this left means that renewal fails. */
const EXPIRES_SOON_MS = 14 * DAY_MS;

export class CertificateStore {
  readonly directory: string;
  /** Additional PEM certificates of authorities that peers' certificates may be signed by. */
  readonly ca: readonly string[];
  #files: CertificateFiles = { loaded: [], problems: [] };
  #anonymous: SecureContext | undefined;

  /** Empty until `reload`. */
  constructor(directory: string, options: CertificateStoreOptions = {}) {
    this.directory = directory;
    this.ca = options.ca ?? [];
  }

  get certificates(): readonly Certificate[] {
    return this.#files.loaded.map(({ certificate }) => certificate);
  }

  /**
   * Reads the directory again and uses its certificates for new handshakes; established connections stay. Never throws:
   * returns the problems of the files.
   */
  async reload(): Promise<CertificateProblem[]> {
    const before = this.#files.loaded;
    const { loaded, problems } = await readCertificates(this.directory, this.ca);
    // For a pair that is damaged or half-written, the last usable version stays in use.
    const damaged = new Set(problems.map((problem) => problem.path));
    const kept = before.filter(
      ({ certificate }) => damaged.has(certificate.path) || damaged.has(this.directory),
    );
    this.#files = { loaded: [...loaded, ...kept], problems };
    return problems;
  }

  /** The best certificate for a domain: valid ones first, exact names before wildcards, then the latest expiry. */
  certificateFor(domain: string): Certificate | undefined {
    return this.#find(domain)?.certificate;
  }

  contextFor(domain: string): SecureContext | undefined {
    return this.#find(domain)?.context;
  }

  /** The context for connections that we open for one of our domains; without a certificate if the domain has none. */
  clientContextFor(domain: string): SecureContext {
    this.#anonymous ??= clientContext({ ca: this.ca });
    return this.contextFor(domain) ?? this.#anonymous;
  }

  /** The problems of the files, and of each of `domains` without a usable certificate. `now`: ms since 1970. */
  check(domains: Iterable<string>, now: number = Date.now()): CertificateProblem[] {
    const problems = [...this.#files.problems];
    for (const domain of domains) {
      const certificate = this.certificateFor(domain);
      const problem = certificate === undefined ? this.#missing(domain) : validity(certificate, domain, now);
      if (problem !== undefined) problems.push(problem);
    }
    return problems;
  }

  #find(domain: string): LoadedCertificate | undefined {
    const name = asciiDomain(domain);
    if (name === undefined) return undefined;
    const now = Date.now();
    const covering = this.#files.loaded.filter(({ certificate }) => covers(certificate, name));
    return covering.sort(
      (a, b) => preference(b.certificate, name, now) - preference(a.certificate, name, now),
    )[0];
  }

  #missing(domain: string): CertificateProblem {
    const others =
      this.certificates.map((certificate) => certificate.path).join(', ') || 'no usable certificate at all';
    const message = `No certificate in ${this.directory} names ${domain} (there: ${others}), so clients and servers cannot connect to it with TLS. Order one for it, or add the name to an existing one, and put the files there as ${domain}.crt and ${domain}.key.`;
    return { severity: 'error', path: this.directory, domain, message };
  }
}

function covers(certificate: Certificate, domain: string): boolean {
  return certificate.names.some((name) => dnsNameCovers(name, domain));
}

/** A score, higher is better: validity counts most, then an exact name, then the remaining time. */
function preference(certificate: Certificate, domain: string, now: number): number {
  const isValid = certificate.notBefore <= now && now < certificate.notAfter;
  const isExact = certificate.names.includes(domain);
  return (isValid ? 2e9 : 0) + (isExact ? 1e9 : 0) + certificate.notAfter / DAY_MS;
}

function validity(certificate: Certificate, domain: string, now: number): CertificateProblem | undefined {
  const { path, notBefore, notAfter } = certificate;
  if (now >= notAfter) {
    const message = `The certificate ${path} for ${domain} expired on ${day(notAfter)}: clients and servers refuse it. Renew it.`;
    return { severity: 'error', path, domain, message };
  }
  if (now < notBefore) {
    const message = `The certificate ${path} for ${domain} is not valid before ${day(notBefore)}. Check this machine's clock, or use the certificate from then on.`;
    return { severity: 'error', path, domain, message };
  }
  if (notAfter - now < EXPIRES_SOON_MS) {
    const message = `The certificate ${path} for ${domain} expires on ${day(notAfter)}. Renew it, and find out why that did not happen automatically.`;
    return { severity: 'warning', path, domain, message };
  }
  return undefined;
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
