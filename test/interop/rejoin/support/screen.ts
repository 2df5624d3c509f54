/** How many times a text is in another. */
export function occurrences(all: string, text: string): number {
  return all.split(text).length - 1;
}
