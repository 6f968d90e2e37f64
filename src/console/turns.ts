/**
 * Turns: so many looks into logs at a time, the others in the order in which they came: what the console takes of memory
 * and of the processor does not grow with how many ask.
 */
import { ApiFailure } from "./failure.ts";

const AT_A_TIME = 4, MAX_WAITING = 64;

export class Turns {
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  /** Runs it when it is its turn. Throws ApiFailure where too many wait. */
  async take<T>(run: () => Promise<T>): Promise<T> {
    if (this.#taken < AT_A_TIME) this.#taken++;
    else {
      if (this.#waiting.length >= MAX_WAITING) {
        throw new ApiFailure("too_many_streams", "too many look through records: try again");
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve)); // the turn is handed on
    }
    try {
      return await run();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken--;
      else next();
    }
  }
}
