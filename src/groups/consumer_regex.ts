/**
 * Regular expressions that members subscribe by (KIP-848): RE2's syntax, as in Kafka, because the coordinator matches
 * what strangers send. The time to match is linear in the name whatever the pattern; the time to compile grows with
 * what repetition counts multiply a pattern to, so that is limited here.
 */
import { RE2JS, RE2JSSyntaxException } from "re2js";
import type { ResolvedRegex } from "./consumer_group.ts";
import type { TopicView } from "./consumer_topics.ts";

/** Why a pattern is refused, or null when it is fine. */
export function regexFault(pattern: string): string | null {
  const size = expandedSize(pattern);
  if (size > MAX_REGEX_SIZE) {
    return `it comes to ${size} steps, at most ${MAX_REGEX_SIZE} are allowed`;
  }
  try {
    RE2JS.compile(pattern);
    return null;
  } catch (error) {
    return error instanceof RE2JSSyntaxException ? error.getDescription() : String(error);
  }
}

/** What a pattern matches, as a whole: the names in order. */
export function resolveRegex(pattern: string, topics: TopicView, wallMs: number): ResolvedRegex {
  const regex = RE2JS.compile(pattern), matched: string[] = [];
  for (const name of topics.names()) if (regex.matches(name)) matched.push(name);
  return { topics: matched.sort(), version: wallMs, resolvedAtMs: wallMs };
}

/** About 0.1 s to compile, and 20 µs a character to match at worst. */
const MAX_REGEX_SIZE = 5000;

/** An upper bound of the pattern's length with its repetitions written out. */
function expandedSize(pattern: string): number {
  const outer: number[] = [];
  let size = 0, last = 0; // of the group being read, and of the part a repetition would repeat
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i], counts = c === "{" ? REPETITION.exec(pattern.slice(i, i + 16)) : null;
    if (counts) {
      size += last * (Math.max(Number(counts[1]), Number(counts[2] ?? 0), 1) - 1);
      i += counts[0].length - 1;
    } else if (c === "(") {
      outer.push(size);
      size = last = 0;
    } else if (c === ")" && outer.length > 0) {
      last = size;
      size += outer.pop()!;
    } else {
      if (c === "\\") i++;
      size += last = 1;
    }
  }
  return outer.reduce((sum, one) => sum + one, size);
}

const REPETITION = /^\{(\d+)(?:,(\d*))?\}/;
