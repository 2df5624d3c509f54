// Passwords as SCRAM wants them (RFC 5802 §2.2): prepared with SASLprep (RFC 4013).

import { saslprep } from '@mongodb-js/saslprep';

const MAX_PASSWORD_LENGTH = 1024;

/**
 * The prepared password, or undefined where SASLprep forbids it, it is empty (RFC 4616 §2) or absurdly long.
 * Code points that Unicode 3.2 did not know (many emoji) pass unchanged, as in other servers.
 */
export function preparePassword(password: string): string | undefined {
  if (password.length > MAX_PASSWORD_LENGTH) return undefined;
  try {
    return saslprep(password, { allowUnassigned: true }) || undefined;
  } catch {
    return undefined;
  }
}
