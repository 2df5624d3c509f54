// Text in its most compact form in memory, for text that is kept for a long time.

/**
 * A flat copy that keeps no other text alive, with one byte per character if the text is ASCII.
 * `bytes`: its size in UTF-8.
 */
export function compactText(text: string): { readonly text: string; readonly bytes: number } {
  const bytes = Buffer.from(text);
  const isAscii = bytes.length === text.length;
  return { text: bytes.toString(isAscii ? 'latin1' : 'utf8'), bytes: bytes.length };
}
