/**
 * Faults: which calls of a store are to fail, and whether they did.
 *
 * A fault that was set and never struck proves nothing, so it fails its test: assertAllFired().
 */
import { StoreError } from "../storage/store.ts";
import { splitPath } from "../storage/backends/path.ts";

export type Operation =
  | "open"
  | "append"
  | "sync"
  | "read"
  | "truncate"
  | "replace"
  | "rename"
  | "remove"
  | "syncFolder";

export interface Fault {
  readonly on: Operation;
  /** 1 is the next call of this kind (to a path that ends so). */
  readonly nth?: number;
  readonly pathEndsWith?: string;
  /**
   * - "error": throws, and nothing happened.
   * - "torn": append only: half of the bytes stay behind the size, then it throws, and so does cutting them off.
   * - "lie": sync, syncFolder and replace only: reports success, and a crash loses it.
   */
  readonly how?: "error" | "torn" | "lie";
  readonly kind?: StoreError["kind"];
  /** Goes on failing instead of failing once. */
  readonly forever?: boolean;
}

/** A fault that was set. */
export interface SetFault {
  readonly fault: Fault;
  /** How many calls it struck. */
  readonly struck: number;
}

interface Entry {
  readonly fault: Fault;
  left: number;
  struck: number;
}

export class Faults {
  /** All that were ever set. */
  readonly #all: Entry[] = [];
  /** Those that may strike still. */
  #armed: Entry[] = [];

  set(fault: Fault): SetFault {
    const entry = { fault, left: fault.nth ?? 1, struck: 0 };
    this.#all.push(entry);
    this.#armed.push(entry);
    return entry;
  }

  /** None strikes any more. Those that never did are still missed by assertAllFired(). */
  disarm(): void {
    this.#armed = [];
  }

  /** Throws, or tells how to misbehave, when a fault is due for this call. */
  strike(on: Operation, path: string): Fault["how"] | null {
    for (const entry of this.#armed) {
      const { fault } = entry;
      if (
        fault.on !== on || fault.pathEndsWith !== undefined && !path.endsWith(fault.pathEndsWith)
      ) continue;
      if (entry.left > 1) {
        entry.left--;
        continue;
      }
      entry.struck++;
      if (!fault.forever) this.#armed = this.#armed.filter((other) => other !== entry);
      if (fault.how === "lie" || fault.how === "torn") return fault.how;
      throw injected(on, path, fault.kind);
    }
    return null;
  }

  /** Throws when a fault was set that never struck: the test proved less than it says. */
  assertAllFired(): void {
    const missed = this.#all.filter(({ struck }) => struck === 0);
    if (missed.length === 0) return;
    const words = missed.map(({ fault, left }) => `${JSON.stringify(fault)}, ${left} calls short`);
    throw new Error(`Faults that never struck: ${words.join("; ")}`);
  }
}

export function injected(
  on: Operation,
  path: string,
  kind: StoreError["kind"] = "io",
): StoreError {
  splitPath(path);
  return new StoreError(`Cannot ${on} ${path}: injected fault`, kind);
}
