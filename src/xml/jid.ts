// Addresses (RFC 7622): local@domain/resource.

import { prepareDomain } from './domain.ts';
import { StanzaError } from './errors.ts';
import { detach } from './names.ts';
import { opaqueString, usernameCaseMapped } from './precis.ts';
import { splitAddress } from './split-address.ts';

export { prepareDomain } from './domain.ts';

/** The most bytes of each part in UTF-8 (RFC 7622 §3.2, §3.3, §3.4). */
const MAX_PART_BYTES = 1023;
const MAX_TEXT = 3 * MAX_PART_BYTES + 2;
/** NFC composes at most three characters into one of two bytes: u, diaeresis and macron become ǖ. */
const MAX_PART_CHARS = Math.ceil(1.5 * MAX_PART_BYTES);
/** The most marks in one run. A mark has at least two bytes, and at most three compose with the letter before them. */
const MAX_MARKS = Math.floor(MAX_PART_BYTES / 2) + 3;
/** Runs of nonspacing marks, without the marks that compose with each other. */
const MARKS = /[\p{Mn}--[\u0C46\u{11131}\u{11132}\u{1611E}-\u{1612F}]]+/gv;

/** The size of each of the two caches of recent addresses, since stanzas repeat a few addresses. */
const REMEMBERED = 2048;
const LONGEST_REMEMBERED = 256;
let recent = new Map<string, Jid>();
let older = new Map<string, Jid>();

/**
 * One address. Its parts are prepared (RFC 7622 §3), so that equal addresses have the same text, and `bare` is usable
 * as a key.
 */
export class Jid {
  readonly local: string | undefined;
  readonly domain: string;
  readonly resource: string | undefined;
  /** `local@domain` or `domain`. */
  readonly bare: string;
  #bareJid: Jid | undefined;
  /** Cached, because sessions are looked up by it and a string caches its hash. */
  #text: string | undefined;

  private constructor(local: string | undefined, domain: string, resource: string | undefined) {
    this.local = local;
    this.domain = domain;
    this.resource = resource;
    this.bare = local === undefined ? domain : `${local}@${domain}`;
  }

  /**
   * Parses an address. Recent addresses are cached.
   * @throws StanzaError 'jid-malformed'
   */
  static parse(text: string): Jid {
    const known = recent.get(text);
    if (known !== undefined) return known;
    const jid = older.get(text) ?? Jid.#read(text);
    if (text.length <= LONGEST_REMEMBERED) remember(text, jid);
    return jid;
  }

  /** Like `parse`; `undefined` if the text is absent or not an address. */
  static tryParse(text: string | undefined): Jid | undefined {
    if (text === undefined) return undefined;
    try {
      return Jid.parse(text);
    } catch (error) {
      if (error instanceof StanzaError) return undefined;
      throw error;
    }
  }

  /** Builds an address from its parts. @throws StanzaError 'jid-malformed' */
  static of(local: string | undefined, domain: string, resource?: string): Jid {
    return new Jid(
      local === undefined ? undefined : prepareLocal(local),
      prepareDomain(domain),
      resource === undefined ? undefined : prepareResource(resource),
    );
  }

  static #read(text: string): Jid {
    if (text.length > MAX_TEXT) throw malformed();
    const { local, domain, resource } = splitAddress(detach(text));
    return Jid.of(local, domain, resource);
  }

  /** Whether the address has a resource, with or without a localpart. */
  get isFull(): boolean {
    return this.resource !== undefined;
  }

  /** Whether the address has a localpart and no resource, like that of an account or room. */
  get isBare(): boolean {
    return this.local !== undefined && this.resource === undefined;
  }

  get isDomain(): boolean {
    return this.local === undefined && this.resource === undefined;
  }

  toBare(): Jid {
    if (this.resource === undefined) return this;
    this.#bareJid ??= new Jid(this.local, this.domain, undefined);
    return this.#bareJid;
  }

  /** @throws StanzaError 'jid-malformed' */
  withResource(resource: string): Jid {
    return new Jid(this.local, this.domain, prepareResource(resource));
  }

  equals(other: Jid): boolean {
    return this.bare === other.bare && this.resource === other.resource;
  }

  toString(): string {
    this.#text ??= this.resource === undefined ? this.bare : `${this.bare}/${this.resource}`;
    return this.#text;
  }
}

/**
 * Caches in two generations: when the younger one is full, it replaces the older one. Used entries move to the younger.
 */
function remember(text: string, jid: Jid): void {
  if (recent.size >= REMEMBERED) {
    older = recent;
    recent = new Map();
  }
  recent.set(detach(text), jid);
}

/** The ASCII characters that RFC 7622 §3.3.1 allows in a localpart. */
const PLAIN_LOCAL = /^[!#-%(-.0-9;=?A-~]+$/;
const EXCLUDED_LOCAL = /["&'/:<>@]/;

/** RFC 7622 §3.3: UsernameCaseMapped, without eight forbidden characters. @throws StanzaError 'jid-malformed' */
export function prepareLocal(text: string): string {
  if (text.length <= MAX_PART_BYTES && PLAIN_LOCAL.test(text)) return text.toLowerCase();
  if (isTooLong(text)) throw malformed();
  const local = usernameCaseMapped(text);
  if (local === undefined || EXCLUDED_LOCAL.test(local)) throw malformed();
  return withinBytes(local);
}

const PLAIN_RESOURCE = /^[ -~]+$/;

/** RFC 7622 §3.4: OpaqueString. @throws StanzaError 'jid-malformed' */
export function prepareResource(text: string): string {
  if (text.length <= MAX_PART_BYTES && PLAIN_RESOURCE.test(text)) return text;
  if (isTooLong(text)) throw malformed();
  const resource = opaqueString(text);
  if (resource === undefined) throw malformed();
  return withinBytes(resource);
}

/** Whether a text certainly has more than 1,023 bytes after preparation, which is slow for long texts. */
function isTooLong(text: string): boolean {
  if (text.length <= MAX_MARKS) return false;
  if (text.length > MAX_PART_CHARS) return true;
  return text.match(MARKS)?.some((run) => run.length > MAX_MARKS) === true;
}

function withinBytes(part: string): string {
  if (Buffer.byteLength(part) > MAX_PART_BYTES) throw malformed();
  return part;
}

function malformed(): StanzaError {
  return new StanzaError('jid-malformed');
}
