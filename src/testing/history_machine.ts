/**
 * HistoryMachine: the machine that a random history's storage runs on: a slow device and what is on it, which survives
 * kills and, in part, power losses.
 */
import { FaultyStore } from "./faulty_store.ts";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import { microtasks, seededLatency, SlowDevice } from "./slow_device.ts";
import type { Sabotage } from "./sabotage.ts";
import type { SeededRandom } from "./seeded_random.ts";

export class HistoryMachine {
  readonly #random: SeededRandom;
  readonly #maxTurns: number;
  readonly #sabotage: Sabotage | undefined;
  #device: SlowDevice;
  #store: FaultyStore;

  constructor(random: SeededRandom, sabotage: Sabotage | undefined) {
    this.#random = random;
    this.#maxTurns = random.pick([3, 10, 30]);
    this.#sabotage = sabotage;
    this.#device = this.#newDevice();
    this.#store = this.#sabotaged(new FaultyStore(new MemoryStore(), { device: this.#device }));
  }

  get device(): SlowDevice {
    return this.#device;
  }

  get store(): FaultyStore {
    return this.#store;
  }

  async turn(): Promise<void> {
    this.#device.turn();
    await microtasks(20);
  }

  /** Turns until the work is done. */
  drive<T>(work: Promise<T>): Promise<T> {
    return this.#device.drive(work);
  }

  /** Whether a thread writes to a file of this folder. */
  isWriting(folder: string): boolean {
    return this.#device.flights.some(({ on, path }) =>
      on === "append" && path.startsWith(`${folder}/`)
    );
  }

  /** Kinds of calls that are on their way. */
  flights(): Set<string> {
    return new Set(this.#device.flights.map(({ on }) => on));
  }

  /** Ends the process as kill -9 does; what happened, in words. */
  async kill(): Promise<string> {
    const words = `kill -9 with ${this.#inFlight()} on their way`;
    this.#device = this.#newDevice();
    const random = () => this.#random.next();
    this.#store = this.#sabotaged(await this.#store.killed(random, { device: this.#device }));
    return words;
  }

  async losePower(): Promise<string> {
    const names = this.#random.pick(["lost", "kept", "some"] as const);
    const unsynced = this.#random.pick(["lost", "torn", "mixed", "mixed", "mixed"] as const);
    const words = `power loss (${unsynced}, names ${names}) with ${this.#inFlight()} on their way`;
    const random = () => this.#random.next();
    const disk = await this.#store.crash({ unsynced, names, cuts: "mixed", random });
    this.#store.powerOff();
    this.#device = this.#newDevice();
    this.#store = this.#sabotaged(new FaultyStore(disk, { device: this.#device }));
    return words;
  }

  #inFlight(): string {
    const { flights } = this.#device;
    return flights.length === 0 ? "nothing" : flights.map(({ on, path }) => `${on} ${path}`).join();
  }

  #newDevice(): SlowDevice {
    return new SlowDevice(seededLatency(() => this.#random.next(), this.#maxTurns));
  }

  #sabotaged(store: FaultyStore): FaultyStore {
    this.#sabotage?.store?.(store);
    return store;
  }
}
