/** The number of occurrences of one text in another. */
export function occurrences(all: string, text: string): number {
  return all.split(text).length - 1;
}
