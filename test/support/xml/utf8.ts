// Bytes as far as they are text.

/** The text that a document begins with, and the bytes from the first one on that is no UTF-8. */
export function splitUtf8(document: Buffer): [text: string, rest: Buffer] {
  const loose = document.toString('utf8');
  const again = Buffer.from(loose);
  if (again.equals(document)) return [loose, Buffer.alloc(0)];
  let at = 0;
  while (again[at] === document[at]) at++;
  // The mark that stands for what was wrong may begin with the same bytes: part of a character is left to the rest.
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const text = decoder.decode(document.subarray(0, at), { stream: true });
  return [text, document.subarray(Buffer.byteLength(text))];
}
