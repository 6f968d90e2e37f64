/** CountedTurns: a turn of the event loop that is long at every so many looks, and counts those that were given. */
import type { GivesWay } from "../clock.ts";

export class CountedTurns implements GivesWay {
  turns = 0;
  /** What is done in each turn that is given. */
  between: () => void = () => {};
  #looks = 0;
  constructor(readonly every: number) {}

  get isLong(): boolean {
    return ++this.#looks % this.every === 0;
  }

  next(): Promise<void> {
    this.turns++;
    this.between();
    return Promise.resolve();
  }
}
