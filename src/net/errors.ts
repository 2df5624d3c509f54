// Errors below the XML: one class, with a code for programs and a message for people.

import { OperatorError } from '../util/operator-error.ts';

export type NetErrorCode =
  | 'queue-overflow' // the peer does not read its data
  | 'closed' // the connection is closed
  | 'starttls-refused' // unencrypted bytes where the TLS handshake should begin
  | 'tls-failed' // the handshake failed or timed out
  | 'no-certificate' // we have no certificate for this name
  | 'no-such-domain' // the domain does not exist in the DNS
  | 'no-service' // the domain declares that it does not offer the service (RFC 2782, target ".")
  | 'dns-failed' // no usable answer from any DNS server
  | 'dns-bogus' // the DNSSEC signatures of the answer are invalid
  | 'dane-mismatch' // the certificate does not match the TLSA records
  | 'connect-failed' // no target could be reached
  | 'listen-failed' // a port could not be opened
  | 'too-many-connections'; // from one address

/** A failure of the network or of its configuration; `message` is for administrators. */
export class NetError extends OperatorError {
  readonly code: NetErrorCode;
  /** Whether a retry is pointless, because the remote domain has declined. */
  readonly permanent: boolean;

  constructor(code: NetErrorCode, message: string, options: { permanent?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'NetError';
    this.code = code;
    this.permanent = options.permanent ?? false;
  }

  override get documentedAs(): string {
    return this.code;
  }
}

/** The message of any thrown value; errors of the operating system in plain English. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return SYSTEM_WORDS[(error as NodeJS.ErrnoException).code ?? ''] ?? error.message;
}

const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  EADDRNOTAVAIL: 'this machine has no address of that kind',
  ECONNRESET: 'connection reset',
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'no permission',
  EPERM: 'no permission',
};

/** Whether a retry is pointless: the domain does not exist, or does not offer the service. */
export function isPermanent(error: unknown): boolean {
  return error instanceof NetError && error.permanent;
}
