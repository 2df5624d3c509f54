// Text that is kept for a while, in the smallest form in memory.

/**
 * A copy in one piece that keeps no other text alive, with one byte per character if the text is ASCII.
 * `bytes`: its size in UTF-8.
 */
export function compactText(text: string): { readonly text: string; readonly bytes: number } {
  const bytes = Buffer.from(text);
  const isAscii = bytes.length === text.length;
  return { text: bytes.toString(isAscii ? 'latin1' : 'utf8'), bytes: bytes.length };
}
