/**
 * Random numbers that a seed replays, for property and fuzz tests. RUNNEL_SEED in the environment sets the seed;
 * otherwise each run has its own, which the test names in its failures.
 */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1. (mulberry32) */
  next(): number {
    this.#state = this.#state + 0x6d2b79f5 >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ t >>> 15, t | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) / 0x1_0000_0000;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** A whole number from `low` to `high`, both included, each end one time in ten. */
  between(low: number, high: number): number {
    const choice = this.below(10);
    return choice === 0
      ? low
      : choice === 1
      ? high
      : low + Math.floor(this.next() * (high - low + 1));
  }

  /** True one time in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)];
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

export function seedOfThisRun(): number {
  return Number(Deno.env.get("RUNNEL_SEED") ?? Date.now() % 1_000_000_000);
}

/** Runs `body`, and puts the seed in front of whatever it throws. */
export function withSeed(body: (random: Random) => void, seed = seedOfThisRun()): void {
  try {
    body(new Random(seed));
  } catch (error) {
    throw new Error(`RUNNEL_SEED=${seed} replays this: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
