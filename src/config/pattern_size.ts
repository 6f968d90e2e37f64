/**
 * Pattern size: what a pattern of RE2 comes to with its repetitions written out, known before it is compiled: "a{1000}" is
 * seven characters and a thousand steps, which take time and memory, and whoever sends it may be a stranger.
 */

/** Longer ones are not looked through. */
const MAX_LENGTH = 10_000;

/** An upper bound of the steps it compiles to; Infinity where it is too long to say. */
export function patternSize(pattern: string): number {
  if (pattern.length > MAX_LENGTH) return Infinity;
  const outer: number[] = [];
  let size = 0, last = 0; // of the group being read, and of the part a repetition would repeat
  for (const [part, atLeast, atMost = ""] of pattern.matchAll(PARTS)) {
    if (atLeast !== undefined) {
      size += last * (Math.max(Number(atLeast), Number(atMost), 1) - 1);
    } else if (part === "(") {
      outer.push(size);
      size = last = 0;
    } else if (part === ")" && outer.length > 0) {
      last = Math.max(1, size); // an empty group is a step, too
      size = last + outer.pop()!;
    } else {
      last = part.startsWith("\\Q") ? part.length : 1;
      size += last;
    }
  }
  return outer.reduce((sum, one) => sum + one, size);
}

/**
 * Counts of a repetition, or what is one step: a quoted text (\Q…\E; as many as it has characters), an escape, a class
 * with whatever is in it ("[)]" ends no group), a character.
 */
const PARTS =
  /\{(\d+)(?:,(\d*))?\}|\\Q[^]*?(?:\\E|$)|\\[pPx]\{[^}]*\}|\\[^]|\[\^?\]?(?:\\[^]|\[:\^?\w*:\]|[^\]\\])*\]|[^]/g;
