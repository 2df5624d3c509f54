// Converts values to JSON text and back. Stores keep text, so that they share no object with the caller.

/** @throws TypeError for a value without a JSON form (undefined, functions, cycles, bigints) */
export function encode(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError('A stored value must be JSON');
  return text;
}

export function decode(text: string): unknown {
  return JSON.parse(text);
}
