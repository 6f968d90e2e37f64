/**
 * Readiness: what /readyz says: whether clients had better come, and everything that is wrong, in words.
 *
 * Not ready: before the start is done, while the broker stops, and while nothing can be written to the metadata, by which
 * nothing can be created, altered or given a producer id. What concerns a part only (a partition that is offline, a
 * worker that fails) is a line in the body of a broker that is ready: who takes a broker out of service for one
 * partition takes all the others too.
 */

/** Lines of problems that are shown; the rest are counted. */
const MAX_LINES = 20;

export class Readiness {
  /** Why nobody should come yet, or any more; null while the broker serves. */
  phase: string | null = "starting";
  readonly #blocking: (() => string | null)[] = [];
  readonly #warnings: (() => Iterable<string>)[] = [];

  /** Without what this tells of the broker is not ready. */
  needs(problem: () => string | null): void {
    this.#blocking.push(problem);
  }

  /** What is wrong with a part. */
  warnsOf(problems: () => Iterable<string>): void {
    this.#warnings.push(problems);
  }

  /** Why the broker is not ready, as the body of the answer; null when it is. */
  get notReady(): string | null {
    if (this.phase !== null) return this.phase;
    const reasons = this.#blocking.map((problem) => problem()).filter((reason) => reason !== null);
    return reasons.length === 0 ? null : [...reasons, ...this.warnings].join("\n");
  }

  /** What is wrong though the broker is ready, a line each. */
  get warnings(): readonly string[] {
    const lines: string[] = [];
    let more = 0;
    for (const problems of this.#warnings) {
      for (const line of problems()) lines.length < MAX_LINES ? lines.push(line) : more++;
    }
    if (more > 0) lines.push(`and ${more} more`);
    return lines;
  }
}
