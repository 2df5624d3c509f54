// The characters that XML 1.0 (fifth edition) and Namespaces in XML 1.0 allow.

/** NameStartChar without the colon (XML 1.0 §2.3). */
const START =
  'A-Z_a-z\\u{C0}-\\u{D6}\\u{D8}-\\u{F6}\\u{F8}-\\u{2FF}\\u{370}-\\u{37D}\\u{37F}-\\u{1FFF}\\u{200C}\\u{200D}' +
  '\\u{2070}-\\u{218F}\\u{2C00}-\\u{2FEF}\\u{3001}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFFD}\\u{10000}-\\u{EFFFF}';
const NCNAME = `[${START}][${START}\\-.0-9\\u{B7}\\u{300}-\\u{36F}\\u{203F}\\u{2040}]*`;

/** A whole qualified name (Namespaces in XML §4): at most one colon, with a proper name on either side. */
export const QNAME = new RegExp(`^(?:${NCNAME}:)?${NCNAME}$`, 'u');

/** The notation U+00AD. @param character one code point */
export function codePointName(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Whether a code point matches the production Char (XML 1.0 §2.2). */
export function isXmlChar(code: number): boolean {
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd;
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}

// Flags of one byte in text or in an attribute value, which decide how the complete value is processed.

/** A control character that XML forbids. */
export const BAD = 1;
/** Part of a character beyond ASCII. */
export const HIGH = 2;
export const AMPERSAND = 4;
export const CARRIAGE_RETURN = 8;
export const LESS_THAN = 16;
/** May end a `]]>`. */
export const GREATER_THAN = 32;
/** TAB, LF or CR, which become a space in an attribute value. */
export const BREAK = 64;
export const APOSTROPHE = 128;

export const BYTE_FLAGS = byteFlags();

/**
 * For each byte: 0 not allowed in a name, 1 not allowed as its first byte, 3 allowed. Beyond ASCII the whole name is
 * checked.
 */
export const NAME_BYTES = nameBytes();

export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0xa || byte === 0x9 || byte === 0xd;
}

function byteFlags(): Uint8Array {
  const flags = new Uint8Array(256);
  flags.fill(BAD, 0, 0x20);
  flags.fill(HIGH, 0x80);
  flags[0x09] = BREAK;
  flags[0x0a] = BREAK;
  flags[0x0d] = BREAK | CARRIAGE_RETURN;
  flags[0x26] = AMPERSAND;
  flags[0x27] = APOSTROPHE;
  flags[0x3c] = LESS_THAN;
  flags[0x3e] = GREATER_THAN;
  return flags;
}

function nameBytes(): Uint8Array {
  const kinds = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const char = String.fromCharCode(byte);
    if (byte >= 0x80 || /[A-Za-z_:]/.test(char)) kinds[byte] = 3;
    else if (/[-.0-9]/.test(char)) kinds[byte] = 1;
  }
  return kinds;
}
