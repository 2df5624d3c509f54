// Certificates for development, signed by a certificate authority of this directory's own.

export interface DevelopmentCertificates {
  /** PEM of the local authority, to be trusted by other development servers. */
  ca: string;
  caPath: string;
  /** Files written by this call; empty when all were there already. */
  written: string[];
}

/** Makes what is missing for `domains` under `directory`; existing files are never touched. */
export function makeDevelopmentCertificates(
  _directory: string,
  _domains: readonly string[],
): Promise<DevelopmentCertificates> {
  throw new Error('not yet');
}
