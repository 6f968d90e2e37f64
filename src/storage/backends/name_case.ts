/**
 * NameCase: file systems for which "Orders-0" and "orders-0" are one name, as those of macOS are unless they were made
 * otherwise (APFS, HFS+), and exFAT, SMB or ext4's casefold anywhere. Two topics would have one folder there.
 */

/** Whether a folder folds case, found out by the names in it; `idOf` is which file a name leads to, null where none. */
export function isCaseFolded(
  names: readonly string[],
  idOf: (name: string) => string | null,
): boolean {
  for (const name of names) {
    const other = otherCase(name);
    if (other === name) continue;
    const id = idOf(name);
    if (id !== null) return !names.includes(other) && idOf(other) === id;
  }
  return false;
}

/** What such a file system goes by. Names of topics are ASCII. */
export function foldedName(name: string): string {
  return name.toLowerCase();
}

/** Two of these names that are one on such a file system, or null. */
export function sameName(names: Iterable<string>): readonly [string, string] | null {
  const known = new Map<string, string>();
  for (const name of names) {
    const folded = foldedName(name), before = known.get(folded);
    if (before !== undefined && before !== name) return [before, name];
    known.set(folded, name);
  }
  return null;
}

function otherCase(name: string): string {
  return name.toUpperCase() === name ? name.toLowerCase() : name.toUpperCase();
}
