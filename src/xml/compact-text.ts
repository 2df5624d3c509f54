// Text in its most compact form in memory, for text that is kept for a long time.

/** Holds one text during its conversion, so that most texts need no buffer of their own. */
const scratch = Buffer.allocUnsafeSlow(16 * 1024);
/** Bytes that UTF-8 needs at most for one UTF-16 code unit. */
const MOST_BYTES = 3;

/**
 * A flat copy that keeps no other text alive, with one byte per character if the text is ASCII.
 * `bytes`: its size in UTF-8.
 */
export function compactText(text: string): { readonly text: string; readonly bytes: number } {
  const isShort = text.length * MOST_BYTES <= scratch.length;
  const buffer = isShort ? scratch : Buffer.from(text);
  const bytes = isShort ? scratch.write(text) : buffer.length;
  return { text: buffer.toString(bytes === text.length ? 'latin1' : 'utf8', 0, bytes), bytes };
}
