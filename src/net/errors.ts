// What can go wrong below the XML: one error class with a word for programs and a sentence for people.

import { OperatorError } from '../util/operator-error.ts';

export type NetErrorCode =
  | 'queue-overflow' // the peer does not read what it is sent
  | 'closed' // the connection is gone already
  | 'starttls-refused' // bytes in the clear where the TLS handshake should begin
  | 'tls-failed' // handshake broken off, or timed out
  | 'no-certificate' // we have nothing to show for this name
  | 'no-such-domain' // the DNS knows no such name
  | 'no-service' // the domain says that it offers no such service (RFC 2782, target ".")
  | 'dns-failed' // no usable answer from any DNS server
  | 'dns-bogus' // the answer is not what its owner signed (DNSSEC)
  | 'dane-mismatch' // the certificate is not the one that the DNS names
  | 'connect-failed' // no target could be reached
  | 'listen-failed' // a port could not be opened
  | 'too-many-connections'; // of one address

/** A failure of the network or of its configuration; `message` is fit to be shown to an administrator. */
export class NetError extends OperatorError {
  readonly code: NetErrorCode;
  /** Whether trying again soon is pointless: the other side has decided, nothing merely failed. */
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
  ENETUNREACH: 'no route to its network',
  EADDRNOTAVAIL: 'this machine has no address of that kind',
  ECONNRESET: 'connection reset',
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'no permission',
  EPERM: 'no permission',
};

/** Whether trying again soon is no use: the domain does not exist, or offers no such service. */
export function isPermanent(error: unknown): boolean {
  return error instanceof NetError && error.permanent;
}
