// "Did you mean …": finds the known word that is most similar to a mistyped one.

/** The most similar of `known`; `undefined` if none is similar. Case does not matter, nor `-` for `_`. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const wanted = plain(word);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, plain(candidate), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** The hint for a mistyped word; `undefined` if no known word is similar. */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  const best = nearest(word, known);
  return best === undefined ? undefined : `did you mean "${best}"?`;
}

/** The number of insertions, deletions, replacements and swaps of neighbours between two words, up to `limit`. */
export function editDistance(a: string, b: string, limit = Number.POSITIVE_INFINITY): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let previous: number[] = [];
  let current = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = current[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min(current[j]! + 1, next[j - 1]! + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, previous[j - 2]! + 1);
      }
      next.push(cost);
    }
    previous = current;
    current = next;
  }
  return Math.min(current[b.length]!, limit);
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll('-', '_');
}
