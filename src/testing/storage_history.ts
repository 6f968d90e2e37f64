/**
 * StorageHistory: one random life of a broker's storage, by seed: topics, producers, consumers, compaction, retention,
 * stops, kills, power losses, damage and failing calls, on a device that takes its time. After every start, and whenever a
 * consumer reads, the ledgers judge. Everything is drawn from one seeded source and no real time passes, so a seed that
 * found something finds it again.
 */
import { createAll } from "./created_logs.ts";
import { repair } from "../cli/storage/repair.ts";
import { FakeClock } from "./fake_clock.ts";
import type { Fault, FaultyStore } from "./faulty_store.ts";
import { microtasks } from "./slow_device.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import { StoreError } from "../storage/store.ts";
import { type Coverage, newCoverage } from "./coverage.ts";
import { HistoryMachine } from "./history_machine.ts";
import { HistoryTopics } from "./history_topics.ts";
import { flippedBit, logBytes, logFiles } from "./log_files.ts";
import type { PartitionHistory } from "./partition_history.ts";
import type { Sabotage } from "./sabotage.ts";
import { SeededRandom } from "./seeded_random.ts";
import { StorageWorld } from "./storage_world.ts";

export interface HistoryOptions {
  /** Sessions between a start and the next stop, kill or power loss. */
  readonly sessions: number;
  readonly stepsPerSession: number;
  /** A fault put into the mechanism on purpose, which must be found. */
  readonly sabotage?: Sabotage;
}

/** What a history came to. */
export interface Outcome {
  readonly complaints: readonly string[];
  /** What happened, newest last, for whoever looks into it. */
  readonly trail: readonly string[];
}

export async function runHistory(
  seed: number,
  options: HistoryOptions,
  coverage: Coverage = newCoverage(),
): Promise<Outcome> {
  const history = new StorageHistory(seed, options, coverage);
  const onUnhandled = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    history.complaints.push(`a promise without a catch: ${event.reason?.stack ?? event.reason}`);
  };
  globalThis.addEventListener("unhandledrejection", onUnhandled);
  try {
    await history.run();
    await macrotask();
  } finally {
    globalThis.removeEventListener("unhandledrejection", onUnhandled);
  }
  return history;
}

class StorageHistory implements Outcome {
  readonly complaints: string[] = [];
  readonly trail: string[] = [];
  readonly #random: SeededRandom;
  readonly #options: HistoryOptions;
  readonly #coverage: Coverage;
  readonly #clock = new FakeClock();
  readonly #machine: HistoryMachine;
  readonly #topics: HistoryTopics;
  readonly #policy: "fsync" | "os";
  readonly #journalBytes: number;
  readonly #hasLarge: boolean;
  #world: StorageWorld | null = null;
  #starts = 0;
  /** Work that nobody waits for: a cleaner pass, a checkpoint. */
  #background: { name: string; isDone: boolean }[] = [];
  #hasFaults = false;
  /** Whether the run before this start had faults, and so may have left a journal that proves nothing. */
  #hadFaults = false;
  #isJournalUnknown = false;
  /** What a device that failed before the power did has left cannot be told from damage: it is offline, which ends this. */
  #isUnproven = false;
  /** A folder with a bit that was flipped since the last repair. */
  #damaged: { partition: PartitionHistory; offset: number } | null = null;

  constructor(seed: number, options: HistoryOptions, coverage: Coverage) {
    const random = this.#random = new SeededRandom(seed);
    this.#options = options;
    this.#coverage = coverage;
    this.#policy = random.oneIn(6) ? "os" : "fsync";
    this.#journalBytes = random.pick([6000, 40_000, 200_000]);
    this.#hasLarge = random.oneIn(3);
    this.#machine = new HistoryMachine(random, options.sabotage);
    this.#topics = new HistoryTopics(random, this.#hasLarge);
  }

  get #store(): FaultyStore {
    return this.#machine.store;
  }

  async run(): Promise<void> {
    try {
      for (let session = 0; session < this.#options.sessions; session++) {
        if (await this.#start()) await this.#session();
        if (this.complaints.length > 0 || this.#isUnproven) break;
      }
      if (this.complaints.length === 0 && !this.#isUnproven) await this.#start(false);
    } catch (error) {
      this.complaints.push(`thrown: ${(error as Error).stack}`);
    } finally {
      this.#world?.abandon();
    }
  }

  // ---- start and end of a session

  /** Opens what is left and judges it; false when the start was cut off. */
  async #start(mayBeCutOff = true): Promise<boolean> {
    this.#starts++;
    this.#isJournalUnknown = false;
    // As the catalogue does: a new leader epoch when the last stop was not clean.
    if (this.#store.readAll(CLEAN_SHUTDOWN) === null) this.#topics.leaderEpoch++;
    this.#background = [];
    const isCutOff = mayBeCutOff && this.#random.oneIn(8);
    const store = this.#store, before = logBytes(store);
    const opening = StorageWorld.open(store, this.#topics.wanted(), {
      clock: this.#clock,
      policy: this.#policy,
      journalBytes: this.#journalBytes,
      wasDeleted: (topicId) => this.#topics.deleted.has(topicId),
      onEvent: (event, details) => this.#onEvent(event, details, store.isOff),
      sabotage: this.#options.sabotage,
    });
    if (isCutOff) {
      opening.then((world) => world.abandon(), ignore);
      for (let turns = this.#random.below(40); turns > 0; turns--) await this.#machine.turn();
      this.#coverage.startsCutOff++;
      await this.#crash();
      return false;
    }
    try {
      this.#world = await this.#machine.drive(opening);
    } catch (error) {
      if (!(error instanceof StoreError) || !this.#hasFaults) throw error;
      this.#note("the start failed");
      await this.#kill();
      return false;
    }
    this.#note(`started, ${this.#starts}`);
    if (logBytes(this.#store) > before) this.#coverage.restoredFromJournal++;
    this.#coverage.starts++;
    await this.#judgeStart();
    this.#hadFaults = false;
    if (this.#isUnproven) this.#coverage.unproven++;
    return !this.#isUnproven && this.complaints.length === 0;
  }

  async #judgeStart(): Promise<void> {
    for (const partition of this.#topics.partitions()) {
      const log = this.#log(partition);
      if (partition === this.#damaged?.partition) {
        await this.#judgeDamaged(partition, log);
        if (this.complaints.length > 0) return;
        continue;
      }
      if (log === undefined || log.offline !== null) {
        if (this.#hadFaults && this.#isJournalUnknown) this.#isUnproven = true;
        else if (!this.#hasFaults) {
          this.#complain(partition, `not served: ${this.#whyNot(partition)}`);
        }
        continue;
      }
      this.#complain(partition, ...await partition.judge(log, true));
      for (const retry of partition.retriesOfKnown(log)) {
        this.#coverage.retriesAnswered++;
        this.#complain(partition, ...retry);
      }
    }
  }

  async #session(): Promise<void> {
    const steps = 5 + this.#random.below(this.#options.stepsPerSession);
    for (let i = 0; i < steps && this.complaints.length === 0; i++) {
      await this.#step();
      if (this.#world!.hasFailed) break;
    }
    if (this.#hasFaults) this.#store.heal();
    const mayStop = !this.#world!.hasFailed;
    const choice = this.#random.below(10);
    if (choice < 2 && mayStop) await this.#stop();
    else if (choice < 3 && this.#policy === "fsync") await this.#killAndDamage();
    else await this.#crash();
  }

  /** Kill -9 or a power loss; only the flush policy fsync promises anything for the second. */
  async #crash(): Promise<void> {
    if (this.#policy === "os" || this.#random.oneIn(3)) await this.#kill();
    else await this.#losePower();
  }

  async #stop(): Promise<void> {
    this.#note("stops");
    try {
      await this.#machine.drive(this.#world!.stop());
      this.#coverage.cleanStops++;
    } catch (error) {
      if (!this.#world!.hasFailed && !(error instanceof StoreError && this.#hasFaults)) throw error;
    }
    await this.#kill();
  }

  async #kill(): Promise<void> {
    this.#countFlights("kill");
    this.#note(await this.#machine.kill());
    await this.#ended();
  }

  async #losePower(): Promise<void> {
    this.#countFlights("powerLoss");
    this.#note(await this.#machine.losePower());
    await this.#ended();
  }

  async #ended(): Promise<void> {
    this.#world?.abandon();
    this.#world = null;
    await microtasks();
    this.#hadFaults ||= this.#hasFaults;
    this.#hasFaults = false;
    this.#clock.advance(1000);
    for (const partition of this.#topics.partitions()) partition.sessionEnded();
  }

  // ---- damage and repair

  /** Flips a bit of a batch that has another one behind it, after a kill: what lies behind tells damage from a torn end. */
  async #killAndDamage(): Promise<void> {
    await this.#kill();
    if (this.#damaged !== null) return;
    const partition = this.#topics.pickPartition();
    const file = this.#random.pick(logFiles(this.#store, partition.folder));
    const flipped = file && flippedBit(this.#store, file, (limit) => this.#random.below(limit));
    if (!flipped || flipped.baseOffset < partition.ledger.startAtMost) return; // deleted: nobody is owed that
    await this.#machine.drive(this.#store.replace(file, flipped.content));
    await this.#machine.drive(this.#store.syncFolder(partition.folder)); // it is not the name that is damaged
    this.#note(`a bit flipped in ${file} at ${flipped.at}`);
    this.#damaged = { partition, offset: flipped.baseOffset };
    this.#coverage.damaged++;
  }

  /** It is offline with its bytes kept, healed, or a reader is told by the checksum; then it is repaired. */
  async #judgeDamaged(partition: PartitionHistory, log: PartitionLog | undefined): Promise<void> {
    const { offset: damagedOffset } = this.#damaged!;
    this.#damaged = null;
    let isHealed = false;
    if (log !== undefined && log.offline === null) {
      const complaints = await partition.judge(log, true);
      isHealed = complaints.length === 0;
      this.#note(`damage: ${complaints[0] ?? "healed"}`);
      const isTold = complaints.some((one) => one.startsWith("not intact"));
      if (!isHealed && !isTold) this.#complain(partition, ...complaints);
    }
    if (isHealed || this.complaints.length > 0) return;
    await this.#kill();
    const lines: string[] = [];
    const asked = { partition: partition.folder, isCut: true };
    await this.#machine.drive(repair(this.#store, asked, (line) => void lines.push(line)));
    lines.forEach((line) => this.#note(line));
    const offset = Number(/ ends at offset (\d+) now/.exec(lines.join())?.[1] ?? NaN);
    if (Number.isNaN(offset) || offset > damagedOffset) {
      this.#complain(partition, `repair does not cut at ${damagedOffset}: ${lines.join()}`);
      return;
    }
    this.#coverage.repaired++;
    partition.cutAt(offset);
    await this.#start(false);
  }

  // ---- steps

  async #step(): Promise<void> {
    const random = this.#random, partition = this.#topics.pickPartition();
    const choice = random.below(100);
    if (choice < 40) this.#send(partition);
    else if (choice < 62) {
      for (let turns = 1 + random.below(12); turns > 0; turns--) await this.#machine.turn();
    } else if (choice < 72) await this.#consume(partition);
    else if (choice < 76) this.#roll(partition);
    else if (choice < 80) this.#inBackground("checkpoint", this.#world!.logs.checkpoint());
    else if (choice < 86) this.#clean();
    else if (choice < 89) this.#deleteRecords(partition);
    else if (choice < 91) this.#inBackground("retention", this.#world!.logs.enforceRetention());
    else if (choice < 93) await this.#recreate();
    else if (choice < 95) this.#fail();
    else if (choice < 97) this.#clock.advance(random.below(4000));
    else for (let turns = 0; turns < LONG_TURNS; turns++) await this.#machine.turn();
    await microtasks(20);
    this.#noteStarts();
  }

  #send(partition: PartitionHistory): void {
    const log = this.#log(partition);
    if (log === undefined || log.offline !== null) return;
    const before = log.segments.length, isWriting = this.#machine.isWriting(partition.folder);
    const isLarge = this.#hasLarge && this.#random.oneIn(12);
    const complain = (complaint: string) => this.#complain(partition, complaint);
    const note = (what: string) => this.#note(what);
    for (let count = 1 + this.#random.below(3); count > 0; count--) {
      partition.send(log, { isLarge, nowMs: this.#clock.nowMs(), complain, note });
    }
    this.#coverage.sent++;
    if (log.segments.length > before) {
      this.#coverage.rolls++;
      if (isWriting) this.#coverage.rollsWithWriteInFlight++;
    }
  }

  async #consume(partition: PartitionHistory): Promise<void> {
    const log = this.#log(partition);
    if (log === undefined || log.offline !== null) return;
    try {
      this.#complain(partition, ...await partition.judge(log, false));
    } catch (error) {
      if (!(error instanceof StoreError) || !this.#hasFaults) throw error;
    }
  }

  #roll(partition: PartitionHistory): void {
    const log = this.#log(partition);
    if (log === undefined || log.offline !== null) return;
    if (this.#machine.isWriting(partition.folder)) this.#coverage.rollsWithWriteInFlight++;
    this.#attempt(() => log.roll());
  }

  #clean(): void {
    this.#inBackground("clean", this.#world!.clean());
  }

  /** As the handler does: the answer leaves when the new start is on the device. */
  #deleteRecords(partition: PartitionHistory): void {
    const log = this.#log(partition);
    if (log === undefined || log.offline !== null || partition.ledger.isCompacted) return;
    const { logStartOffset, highWatermark } = log;
    const to = logStartOffset + this.#random.below(highWatermark - logStartOffset + 1);
    this.#note(`${partition.folder}: records deleted below ${to}`);
    this.#attempt(() => log.advanceStart(to));
    const world = this.#world!;
    const answered = world.logs.checkpoint().then((unwritten) => {
      if (this.#world === world && !unwritten.has(log)) partition.startAnswered(to);
    });
    this.#inBackground("delete records", answered);
  }

  async #recreate(): Promise<void> {
    const old = this.#topics.pick(), { name } = old;
    if (this.#damaged !== null && old.partitions.includes(this.#damaged.partition)) return;
    this.#note(`${name} deleted and made again`);
    const topic = this.#topics.make(
      name,
      this.#options.sabotage?.reusesTopicIds ? old.id : undefined,
    );
    const world = this.#world!;
    let isRemoved = false;
    const removed = world.logs.remove([old.id]).finally(() => isRemoved = true);
    this.#inBackground("delete", removed);
    while (!isRemoved && this.#world === world) await this.#machine.turn();
    if (this.#world === world) {
      this.#attempt(() => createAll(world.logs, this.#topics.wantedOf(topic)));
    }
    this.#coverage.recreated++;
  }

  #fail(): void {
    if (this.#hasFaults || this.#random.oneIn(2)) return;
    const { on, how, kind } = this.#random.pick(FAULTS);
    const nth = 1 + this.#random.below(8);
    this.#note(`call ${nth} to ${on} will fail, ${how ?? kind ?? "io"}`);
    const set = this.#store.fail({ on, how, kind, nth });
    this.#hasFaults = true;
    this.#coverage.setFaults.push(set);
  }

  /** Does what a failing call may interrupt; whether it went well. */
  #attempt(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof StoreError) || !this.#hasFaults) throw error;
      this.#world!.hasFailed = true; // a broker ends its process then
      return false;
    }
  }

  #inBackground(name: string, work: Promise<unknown>): void {
    const one = { name, isDone: false };
    this.#background.push(one);
    const store = this.#store, isExcused = () => this.#hasFaults || store.isOff;
    work.then(() => one.isDone = true, (error) => {
      one.isDone = true;
      if (!(error instanceof StoreError) || !isExcused()) {
        this.complaints.push(`${name} failed: ${error?.stack ?? error}`);
      }
    });
  }

  // ---- looking

  #log(partition: PartitionHistory): PartitionLog | undefined {
    return this.#world?.logs.get(partition.topicId, partition.partition);
  }

  #whyNot({ topicId, partition }: PartitionHistory): string {
    return this.#world?.logs.offlineReason(topicId, partition) ?? "no log";
  }

  /** No start may hide more than what was deleted in front of everybody. */
  #noteStarts(): void {
    for (const partition of this.#topics.partitions()) {
      const start = this.#log(partition)?.logStartOffset;
      if (start !== undefined) partition.noteStart(start);
    }
  }

  #countFlights(crash: "kill" | "powerLoss"): void {
    this.#noteStarts();
    this.#coverage[crash]++;
    for (const on of this.#machine.flights()) {
      const name = `${crash} with ${on} in flight`;
      this.#coverage.flights.set(name, (this.#coverage.flights.get(name) ?? 0) + 1);
    }
    if (this.#background.some(({ name, isDone }) => name === "clean" && !isDone)) {
      this.#coverage.cleaningsCutOff++;
    }
  }

  #onEvent(event: string, details: Record<string, unknown>, isOff: boolean): void {
    this.#note(`${event} ${JSON.stringify(details)}`);
    if (event === "journal_unknown") this.#isJournalUnknown = true;
    if (event === "log_compacted") this.#coverage.compacted++;
    if (event === "torn_tail_cut") this.#coverage.tornTailsCut++;
    if (event === "segments_deleted") this.#coverage.retained++;
    const isFailure = /_failed$/.test(event) && event !== "storage_failed";
    if (isFailure && !this.#hasFaults && !isOff) {
      this.complaints.push(`${event} with no fault set: ${JSON.stringify(details)}`);
    }
  }

  #complain(partition: PartitionHistory, ...complaints: string[]): void {
    for (const one of complaints) this.complaints.push(`${partition.folder}: ${one}`);
  }

  #note(what: string): void {
    this.trail.push(what.replaceAll(/[0-9a-f]{32}-delete/g, "…-delete")); // which no seed replays
  }
}

const CLEAN_SHUTDOWN = ".kafka_cleanshutdown";
const ignore = () => {};

/** Long enough for what storage looks at every second. */
const LONG_TURNS = 1100;

/** Where a promise without a catch is told of. */
function macrotask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

const FAULTS: readonly Fault[] = [
  { on: "append" },
  { on: "append", kind: "noSpace" },
  { on: "append", how: "torn" },
  { on: "sync" },
  { on: "syncFolder" },
  { on: "replace" },
  { on: "truncate" },
  { on: "open" },
  { on: "read" },
  { on: "rename" },
];
