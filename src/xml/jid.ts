// Addresses (RFC 7622).

import { StanzaError } from './errors.ts';

/** One address; its parts are prepared (RFC 7622 §3), so that equal addresses have equal text. */
export class Jid {
  readonly local: string | undefined;
  readonly domain: string;
  readonly resource: string | undefined;
  /** `local@domain` or `domain`. */
  readonly bare: string;

  private constructor(local: string | undefined, domain: string, resource: string | undefined) {
    this.local = local;
    this.domain = domain;
    this.resource = resource;
    this.bare = local === undefined ? domain : `${local}@${domain}`;
  }

  static parse(text: string): Jid {
    const slash = text.indexOf('/');
    const bare = slash < 0 ? text : text.slice(0, slash);
    const at = bare.indexOf('@');
    return Jid.of(
      at < 0 ? undefined : bare.slice(0, at),
      bare.slice(at + 1),
      slash < 0 ? undefined : text.slice(slash + 1),
    );
  }

  static tryParse(text: string | undefined): Jid | undefined {
    if (text === undefined) return undefined;
    try {
      return Jid.parse(text);
    } catch (error) {
      if (error instanceof StanzaError) return undefined;
      throw error;
    }
  }

  static of(local: string | undefined, domain: string, resource?: string): Jid {
    if (local === '' || resource === '') throw new StanzaError('jid-malformed');
    return new Jid(local?.toLowerCase(), prepareDomain(domain), resource);
  }

  get isFull(): boolean {
    return this.resource !== undefined;
  }

  get isBare(): boolean {
    return this.local !== undefined && this.resource === undefined;
  }

  get isDomain(): boolean {
    return this.local === undefined && this.resource === undefined;
  }

  toBare(): Jid {
    return this.resource === undefined ? this : new Jid(this.local, this.domain, undefined);
  }

  withResource(resource: string): Jid {
    return Jid.of(this.local, this.domain, resource);
  }

  equals(other: Jid): boolean {
    return this.bare === other.bare && this.resource === other.resource;
  }

  toString(): string {
    return this.resource === undefined ? this.bare : `${this.bare}/${this.resource}`;
  }
}

/** @throws StanzaError 'jid-malformed' */
export function prepareDomain(text: string): string {
  const domain = text.replace(/\.$/, '').toLowerCase();
  if (domain === '') throw new StanzaError('jid-malformed');
  return domain;
}
