/**
 * Regular expressions that members subscribe by (KIP-848): RE2's syntax, as in Kafka, because the coordinator matches
 * what strangers send. The time to match is linear in the name whatever the pattern, but times the size of its program;
 * the time to compile grows with what repetition counts multiply a pattern to, so that is limited here. Who matches what
 * costs more than a moment is patterns.ts' business.
 */
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { patternSize } from "../../config/pattern_size.ts";
import type { ResolvedRegex } from "./consumer_group.ts";
import type { TopicView } from "./consumer_topics.ts";

/** What came of a pattern: the names it matches as a whole, in order; or why it is refused. */
export type Verdict = { readonly names: readonly string[] } | { readonly fault: string };

/** Why a pattern is refused, or null when it is fine. */
export function regexFault(pattern: string, topics?: TopicView): string | null {
  const verdict = topics?.patterns?.get(pattern) ?? matchNames(pattern, []);
  return "fault" in verdict ? verdict.fault : null;
}

/**
 * What a pattern matches, of what the member may describe who has it matched: as in Kafka, for the whole group. Null
 * while that is being found out elsewhere, and when the pattern is refused.
 */
export function resolveRegex(
  pattern: string,
  topics: TopicView,
  wallMs: number,
  mayDescribe?: (topic: string) => boolean,
): ResolvedRegex | null {
  const verdict = topics.patterns ? topics.patterns.get(pattern) : matchNames(pattern, [
    ...topics.names(),
  ]);
  if (verdict === null || "fault" in verdict) return null;
  const names = mayDescribe === undefined ? verdict.names : verdict.names.filter(mayDescribe);
  return { topics: [...names], version: wallMs, resolvedAtMs: wallMs };
}

/** Matches here and now. What takes longer than `limitMs` is a fault of the pattern's; one name is always finished. */
export function matchNames(
  pattern: string,
  names: readonly string[],
  limitMs = Infinity,
): Verdict {
  const beganMs = performance.now();
  const size = patternSize(pattern);
  if (size > MAX_REGEX_SIZE) {
    return { fault: `it comes to ${size} steps, at most ${MAX_REGEX_SIZE} are allowed` };
  }
  // What Kafka's library does not have, and no automaton can do.
  if (/(^|[^\\])(\\\\)*\(\?<[=!]/.test(pattern)) return { fault: "it looks behind" };
  try {
    const regex = RE2JS.compile(pattern);
    // testExact() asks for no groups, which is the fast way: an automaton that remembers where it has been.
    const matched: string[] = [];
    for (const name of names) {
      if (regex.testExact(name)) matched.push(name);
      if (performance.now() - beganMs > limitMs) {
        return { fault: `matching it with ${names.length} names takes too long` };
      }
    }
    return { names: matched.sort() };
  } catch (error) {
    return {
      fault: error instanceof RE2JSSyntaxException ? error.getDescription() : String(error),
    };
  }
}

/** An upper bound of what matching costs: steps of the pattern times characters of names. */
export function regexCost(pattern: string, nameChars: number): number {
  const size = patternSize(pattern);
  return size * (nameChars + size);
}

/** About 0.1 s to compile. */
const MAX_REGEX_SIZE = 5000;
