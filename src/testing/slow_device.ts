/**
 * SlowDevice: the time that a simulated disk takes, in turns which the test drives. Nothing waits for real time: whoever
 * waits for a while is given the device as its timers, a turn for a millisecond.
 *
 * A call begins with begin() and lands some turns later; until then it is on its way, where a kill or a power loss meets
 * it. How many turns a call takes is the test's to say, so calls land in another order than they began wherever real
 * ones may.
 */
import type { Timers } from "../clock.ts";
import { StoreError } from "../storage/store.ts";

/** Calls that take a device's time. */
export type SlowOperation = "append" | "sync" | "read" | "replace" | "remove" | "syncFolder";

/** How many turns a call takes, 1 is the next; Infinity never lands by itself. */
export type Latency = (on: SlowOperation, path: string) => number;

/** A call on its way. */
export interface Flight {
  readonly on: SlowOperation;
  readonly path: string;
}

interface Flying extends Flight {
  readonly dueTurn: number;
  readonly land: () => void;
  readonly strand: () => void;
}

/** From 1 to `maxTurns`, with few that take long, as disks do. */
export function seededLatency(random: () => number, maxTurns: number): Latency {
  return () => 1 + Math.floor(random() ** 3 * maxTurns);
}

export class SlowDevice implements Timers {
  /** May be changed at any time; calls on their way keep what they were given. */
  latency: Latency;
  #turn = 0;
  #flying: Flying[] = [];
  readonly #waiting = new Set<{ readonly dueTurn: number; readonly work: () => void }>();
  #isOff = false;

  constructor(latency: Latency) {
    this.latency = latency;
  }

  /** Calls on their way, in the order they began. */
  get flights(): readonly Flight[] {
    return this.#flying;
  }

  /** Begins a call; what `land` does happens when it lands, and is its answer. */
  begin<T>(on: SlowOperation, path: string, land: () => T | Promise<T>): Promise<T> {
    if (this.#isOff) return Promise.reject(noPower(on, path));
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#flying.push({
      on,
      path,
      dueTurn: this.#turn + Math.max(1, this.latency(on, path)),
      land: () => {
        try {
          resolve(land());
        } catch (error) {
          reject(error);
        }
      },
      strand: () => reject(noPower(on, path)),
    });
    return promise;
  }

  after(ms: number, work: () => void): () => void {
    const one = { dueTurn: this.#turn + Math.max(1, Math.ceil(ms)), work };
    if (!this.#isOff) this.#waiting.add(one);
    return () => void this.#waiting.delete(one);
  }

  /** Lands what is due, in the order of the turns it was due at; how many calls that were. */
  turn(): number {
    this.#turn++;
    for (const one of [...this.#waiting]) {
      if (one.dueTurn > this.#turn || !this.#waiting.delete(one)) continue;
      one.work();
    }
    const due = this.#flying.filter(({ dueTurn }) => dueTurn <= this.#turn);
    if (due.length === 0) return 0;
    this.#flying = this.#flying.filter(({ dueTurn }) => dueTurn > this.#turn);
    for (const { land } of due) land();
    return due.length;
  }

  /** The process is gone: nothing lands any more, and whoever waits is told so. */
  powerOff(): void {
    this.#isOff = true;
    this.#waiting.clear();
    for (const { strand } of this.#flying.splice(0)) strand();
  }

  /** Goes on turning until `work` is done; throws when it is not after very many turns. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const done = () => void (isDone = true);
    work.then(done, done);
    for (let turns = 0; turns < MAX_TURNS; turns++) {
      await microtasks();
      if (isDone) return await work;
      this.turn();
    }
    const waiting = this.#flying.map(({ on, path }) => `${on} ${path}`).join(", ");
    throw new Error(`Not done after ${MAX_TURNS} turns; on their way: ${waiting || "nothing"}`);
  }
}

/** Lets everything happen that needs no call to land. */
export async function microtasks(count = 60): Promise<void> {
  for (let i = 0; i < count; i++) await null;
}

export function noPower(on: string, path: string): StoreError {
  return new StoreError(`Cannot ${on} ${path}: no power`, "io");
}

const MAX_TURNS = 20_000;
