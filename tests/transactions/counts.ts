/** Counts: whether the output of a word count is 1, 2, 3 and on, to how often the word came in. */

/** What is wrong, in words. `counted` has each word's counts in the order of their offsets. */
export function wrongCounts(
  came: ReadonlyMap<string, number>,
  counted: ReadonlyMap<string, readonly number[]>,
): string[] {
  const complaints: string[] = [];
  for (const [word, counts] of counted) {
    const at = counts.findIndex((count, i) => count !== i + 1);
    if (at >= 0) complaints.push(`${word}: count ${counts[at]} comes as number ${at + 1}`);
  }
  for (const [word, times] of came) {
    const count = counted.get(word)?.length ?? 0;
    if (count !== times) {
      complaints.push(`${word} came ${times} times and is counted ${count} times`);
    }
  }
  return complaints;
}
