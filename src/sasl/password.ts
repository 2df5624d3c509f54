// Passwords as SCRAM wants them (RFC 5802 §2.2): prepared with SASLprep (RFC 4013).

import { saslprep } from '@mongodb-js/saslprep';

const MAX_PASSWORD_LENGTH = 1024;

/** Why a password cannot be used. */
export type PasswordFault = 'empty' | 'too-long' | 'forbidden-characters';

export const PASSWORD_FAULTS: Readonly<Record<PasswordFault, string>> = {
  empty: 'the password is empty',
  'too-long': `the password is longer than ${MAX_PASSWORD_LENGTH} characters`,
  'forbidden-characters':
    'the password has a character that SASLprep forbids, such as a control character, or mixes left-to-right and right-to-left text',
};

/**
 * The prepared password, or undefined where SASLprep forbids it, it is empty (RFC 4616 §2) or absurdly long.
 * Code points that Unicode 3.2 did not know (many emoji) pass unchanged, as in other servers.
 */
export function preparePassword(password: string): string | undefined {
  const prepared = checkPassword(password);
  return 'prepared' in prepared ? prepared.prepared : undefined;
}

/** Prepares a password, or says why it cannot be used. */
export function checkPassword(password: string): { prepared: string } | { fault: PasswordFault } {
  if (password === '') return { fault: 'empty' };
  if (password.length > MAX_PASSWORD_LENGTH) return { fault: 'too-long' };
  try {
    const prepared = saslprep(password, { allowUnassigned: true });
    return prepared === '' ? { fault: 'empty' } : { prepared };
  } catch {
    return { fault: 'forbidden-characters' };
  }
}
