// Values as the stores keep them: JSON text, so that nothing is shared with the caller.

/** @throws TypeError for what JSON cannot hold (undefined, functions, cycles, bigints). */
export function encode(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError('A stored value must be JSON');
  return text;
}

export function decode(text: string): unknown {
  return JSON.parse(text);
}
