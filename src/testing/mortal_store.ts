/**
 * MortalStore: a FaultyStore that loses power before its nth call that changes anything, so that a test can cut
 * something off at every one of its steps.
 */
import { StoreError } from "../storage/store.ts";
import { FaultyStore, type Operation } from "./faulty_store.ts";

export class MortalStore extends FaultyStore {
  /** Calls so far. */
  count = 0;
  powerOffAt = Infinity;

  override strike(on: Operation, path: string): ReturnType<FaultyStore["strike"]> {
    if (on !== "read" && ++this.count >= this.powerOffAt) {
      throw new StoreError(`No power to ${on} ${path}`, "io");
    }
    return super.strike(on, path);
  }
}
