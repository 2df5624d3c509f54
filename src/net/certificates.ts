// The certificates of our hosts, from a directory, picked by name and reloadable while running.

import type { SecureContext } from 'node:tls';

export interface Certificate {
  /** PEM. */
  key: string;
  /** PEM, leaf first. */
  cert: string;
  /** Milliseconds since 1970. */
  notBefore: number;
  notAfter: number;
  /** DNS names in the certificate, wildcards included, lower case. */
  names: string[];
  /** The certificate's file. */
  path: string;
}

export interface CertificateProblem {
  severity: 'error' | 'warning';
  /** The file or directory concerned. */
  path: string;
  /** The host that lacks something; undefined when it is about the file alone. */
  domain: string | undefined;
  /** What is wrong, where, and what to do. */
  message: string;
}

export interface CertificateStoreOptions {
  /** PEM certificates trusted besides the well-known ones, for peers' certificates. */
  ca?: readonly string[];
}

export class CertificateStore {
  constructor(_directory: string, _options: CertificateStoreOptions = {}) {}
  /** Certificates that peers may be signed by besides the well-known ones (PEM). */
  get ca(): readonly string[] {
    return [];
  }
  get certificates(): readonly Certificate[] {
    return [];
  }
  /** Reads the directory again and swaps what new handshakes get; never throws, answers what was wrong. */
  reload(): Promise<CertificateProblem[]> {
    throw new Error('not yet');
  }
  /** The best usable certificate for a domain: its own name before a wildcard, valid before expired. */
  certificateFor(_domain: string): Certificate | undefined {
    throw new Error('not yet');
  }
  contextFor(_domain: string): SecureContext | undefined {
    throw new Error('not yet');
  }
  /** What is wrong with the files, and which of `domains` have no usable certificate. */
  check(_domains: Iterable<string>, _now?: number): CertificateProblem[] {
    throw new Error('not yet');
  }
}
