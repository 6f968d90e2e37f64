/**
 * Derivations: PBKDF2 of log-ins runs on the runtime's threads, a few at a time, and as many wait as can be answered before
 * clients give up: a flood of log-ins takes no time from those who are in.
 */

/** As many at a time as leave a core for the others. */
const AT_ONCE = 2;
const MOST_WAITING = 1000;

export class Derivations {
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** What the work answers, when it is its turn; "busy" when too many wait already. */
  async run<T>(work: () => Promise<T>): Promise<T | "busy"> {
    if (this.#running >= AT_ONCE) {
      if (this.#waiting.length >= MOST_WAITING) return "busy";
      await new Promise<void>((resolve) => this.#waiting.push(resolve)); // takes over the place of who ends
    } else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
