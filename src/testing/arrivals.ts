/**
 * Arrivals: counts the requests that have come to their handlers, so that a test waits for one to be in work and not for
 * some time to pass. A request has come when its handler has returned, that is, at its first await: a poll waits then.
 */
import { readInt16 } from "../bytes/int64.ts";
import type { Dispatch } from "../server/connection.ts";

export class Arrivals {
  readonly #counts = new Map<number, number>();
  #waiting: { readonly apiKey: number; readonly count: number; readonly resolve: () => void }[] =
    [];

  /** Stands between connections and handlers. */
  around(dispatch: Dispatch): Dispatch {
    return (frame, connection) => {
      const apiKey = frame.length >= 2 ? readInt16(frame, 0) : -1;
      const reply = dispatch(frame, connection);
      this.#counts.set(apiKey, this.count(apiKey) + 1);
      const isDue = (one: { apiKey: number; count: number }) =>
        one.apiKey === apiKey && one.count <= this.count(apiKey);
      const due = this.#waiting.filter(isDue);
      this.#waiting = this.#waiting.filter((one) => !isDue(one));
      for (const { resolve } of due) resolve();
      return reply;
    };
  }

  /** Requests of an API since the start. */
  count(apiKey: number): number {
    return this.#counts.get(apiKey) ?? 0;
  }

  /** Resolves when there were so many. */
  reached(apiKey: number, count: number): Promise<void> {
    if (this.count(apiKey) >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ apiKey, count, resolve }));
  }
}
