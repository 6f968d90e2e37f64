/**
 * BackgroundWork: how one kind of background work fares (retention, the cleaner, checkpoints, …): what of it fails now,
 * by name, how often something did, and when all of it was last well.
 *
 * Whoever works tells; gauges, readiness and log lines are made of it. The same failure is told once, not at every try.
 */

/** The same failure has another offset or temporary name at each try. */
function withoutNumbers(reason: string): string {
  return reason.replace(/[0-9a-f-]{16,}|\d+/g, "#");
}

/** Parts that are remembered by name; more are counted. */
const MAX_PARTS = 1000;

export class BackgroundWork {
  /** "retention", "cleaner", … */
  readonly name: string;
  /** Since the broker started. */
  failures = 0;
  /** Wall time of the last part that was well; null before the first. */
  lastSuccessMs: number | null = null;
  readonly #failing = new Map<string, string>();

  constructor(name: string) {
    this.name = name;
  }

  /** What fails now, with the reason of its last try: "orders-3", "disk is full". */
  get failing(): ReadonlyMap<string, string> {
    return this.#failing;
  }

  /** A part failed. Whether that is news. */
  failed(part: string, error: unknown): boolean {
    this.failures++;
    const reason = error instanceof Error ? error.message : String(error);
    const before = this.#failing.get(part);
    const isNews = before === undefined || withoutNumbers(before) !== withoutNumbers(reason);
    if (this.#failing.size < MAX_PARTS || this.#failing.has(part)) this.#failing.set(part, reason);
    return isNews;
  }

  /** A part is well; whether it was not. */
  succeeded(part: string, nowMs: number): boolean {
    this.lastSuccessMs = nowMs;
    return this.#failing.delete(part);
  }

  /** Forgets parts that are no more, or fail no more. */
  keepFailing(is: (part: string) => boolean): void {
    for (const part of this.#failing.keys()) if (!is(part)) this.#failing.delete(part);
  }
}
