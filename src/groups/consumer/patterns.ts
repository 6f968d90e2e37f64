/**
 * Patterns: what the regular expressions that members subscribe by come to in the topics there are.
 *
 * What costs a moment is done in place. The rest is done in the background, within a budget of time, before the group's
 * machine is asked; the machine finds what came of it here, and where topics have changed meanwhile keeps what it had
 * until the new is known. A name that was judged is not judged again: when a topic is created, it alone is.
 */
import type { TopicView } from "./consumer_topics.ts";
import { matchNames, regexCost, type Verdict } from "./consumer_regex.ts";

export interface PatternsOptions {
  readonly topics: Pick<TopicView, "state" | "names">;
  /** Matches where it stops nobody. A pattern that takes too long is refused. */
  readonly matchLater: (pattern: string, names: readonly string[]) => Promise<Verdict>;
}

interface Known {
  readonly verdict: Verdict;
  /** The names that were judged. */
  readonly among: Names;
}

/** All topics' names at one state. */
interface Names {
  readonly state: unknown;
  readonly all: ReadonlySet<string>;
}

export class Patterns {
  readonly #options: PatternsOptions;
  /** The longest unused first. */
  readonly #known = new Map<string, Known>();
  readonly #underWay = new Map<string, Promise<void>>();
  #names: Names = { state: NOTHING, all: new Set() };

  constructor(options: PatternsOptions) {
    this.#options = options;
  }

  /** What a pattern comes to now; null when that is not known yet, and begun to be found out. */
  get(pattern: string): Verdict | null {
    const known = this.#known.get(pattern), among = this.#current();
    if (known !== undefined) {
      this.#known.delete(pattern);
      this.#known.set(pattern, known);
      if (known.among === among || "fault" in known.verdict) return known.verdict;
    }
    const news = newNames(known, among);
    if (regexCost(pattern, charsOf(news)) <= IN_PLACE_COST) {
      return this.#learn(pattern, known, matchNames(pattern, news), among);
    }
    this.prepare(pattern)?.catch(ignore);
    return null;
  }

  /** Resolves when get() knows the pattern; null when it does already. */
  prepare(pattern: string): Promise<void> | null {
    const known = this.#known.get(pattern), among = this.#current();
    if (known !== undefined && (known.among === among || "fault" in known.verdict)) return null;
    const news = newNames(known, among);
    if (regexCost(pattern, charsOf(news)) <= IN_PLACE_COST) return null;
    let work = this.#underWay.get(pattern);
    if (work === undefined) {
      work = this.#options.matchLater(pattern, news)
        .then((verdict) => void this.#learn(pattern, known, verdict, among))
        .finally(() => this.#underWay.delete(pattern));
      this.#underWay.set(pattern, work);
    }
    return work;
  }

  /** Why a pattern is refused, whatever topics there are; null when it is fine. */
  async fault(pattern: string): Promise<string | null> {
    const verdict = await this.match(pattern, []);
    return "fault" in verdict ? verdict.fault : null;
  }

  /** What a pattern comes to among names that are no topics'. */
  async match(pattern: string, names: readonly string[]): Promise<Verdict> {
    return regexCost(pattern, charsOf(names)) <= IN_PLACE_COST
      ? matchNames(pattern, names)
      : await this.#options.matchLater(pattern, names);
  }

  #learn(pattern: string, before: Known | undefined, news: Verdict, among: Names): Verdict {
    const kept = before === undefined || "fault" in before.verdict
      ? []
      : before.verdict.names.filter((name) => among.all.has(name));
    const verdict = "fault" in news ? news : { names: [...kept, ...news.names].sort() };
    this.#known.delete(pattern);
    this.#known.set(pattern, { verdict, among });
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value!);
    return verdict;
  }

  #current(): Names {
    const { topics } = this.#options;
    if (this.#names.state !== topics.state) {
      this.#names = { state: topics.state, all: new Set(topics.names()) };
    }
    return this.#names;
  }
}

function newNames(known: Known | undefined, among: Names): string[] {
  const all = [...among.all];
  return known === undefined ? all : all.filter((name) => !known.among.all.has(name));
}

function charsOf(names: readonly string[]): number {
  let chars = 0;
  for (const name of names) chars += name.length;
  return chars;
}

/** About 30 ms at worst. */
const IN_PLACE_COST = 250_000;
/** Patterns remembered. */
const MAX_KNOWN = 256;
const NOTHING = Symbol("no state");

const ignore = () => {};
