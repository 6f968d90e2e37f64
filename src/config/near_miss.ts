/** Near misses: the known name that was probably meant. */

/** The name fewest edits away from `given`, or null when none is near. Dashes, dots, underscores and case do not count. */
export function closest(given: string, names: readonly string[]): string | null {
  const wanted = bare(given.slice(0, 100));
  let best: string | null = null;
  let bestEdits = Math.max(2, Math.floor(wanted.length / 4)) + 1;
  for (const name of names) {
    const edits = distance(wanted, bare(name));
    if (edits < bestEdits) [best, bestEdits] = [name, edits];
  }
  return best ?? names.find((name) => bare(name).endsWith(wanted) && wanted.length > 3) ?? null;
}

function bare(name: string): string {
  return name.toLowerCase().replace(/[-_.]/g, "");
}

/** Levenshtein's distance, one row at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
