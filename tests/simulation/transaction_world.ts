/**
 * A world of copiers around one broker: they take inputs from where their group stands, and write them with the group's new
 * offset in a transaction; they die, hang and come back beside those that took their place; requests and answers get lost,
 * late and doubled; coordinators move, partitions go offline, disks refuse, the power fails between any two records.
 * Everything follows from a seed, and after each step the world checks what must hold.
 */
import { TrustedTime } from "../../src/clock/trusted_time.ts";
import { GroupCoordinator } from "../../src/groups/coordinator.ts";
import { fetchOffsets } from "../../src/groups/requests/committing.ts";
import { commitInTransaction } from "../../src/groups/requests/transactional_commit.ts";
import { OrphanedTransactions } from "../../src/handlers/orphaned_transactions.ts";
import { ProduceAdmission } from "../../src/handlers/produce_admission.ts";
import { ZERO_UUID } from "../../src/bytes/uuid.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import { buildEndTxnBatch } from "../../src/protocol/records/control_record.ts";
import type { PartitionLog } from "../../src/storage/log/partition_log.ts";
import { consumerContext } from "../../src/testing/consumer_groups.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { SETTINGS as TRANSACTION_SETTINGS } from "../../src/testing/transactions.ts";
import { TransactionCoordinator } from "../../src/transactions/coordinator.ts";
import { CoordinatorGate } from "../../src/transactions/coordinator_gate.ts";
import type { TransactionMarker } from "../../src/transactions/marker_writer.ts";
import { isIdle, stateName } from "../../src/transactions/transaction.ts";
import type { Credentials, TransactionReply } from "../../src/transactions/transaction_events.ts";
import type { Random } from "../random.ts";
import { Copier } from "./transaction_copier.ts";
import { ProducedLog } from "./produced_log.ts";
import { SimulatedLog } from "./simulated_log.ts";

/** Bugs that the checks must find. */
export type Canary =
  | "none"
  | "decisions are answered before they are kept"
  | "offsets are answered before they are kept"
  | "an offline partition is taken for deleted"
  | "nobody is asked about first batches"
  | "a late marker ends what came after"
  | "groups do not hear of markers"
  | "markers are not sent again"
  | "what a start finds open is taken for known"
  | "what nobody knows is not ended";

export const TOPIC = "out";
const OFFSETS = "__consumer_offsets";
const ID = "copier", GROUP = "copiers", INPUT = "in";
const TIMEOUT_MS = 30_000;
const { KAFKA_STORAGE_ERROR, NONE } = ErrorCode;

/** Something is so that must not be, and not a fault of the simulation. */
export class Violation extends Error {}

/** A transaction as its copier has it. */
export interface Told {
  readonly name: string;
  readonly inputs: readonly number[];
  /** What its end was asked to be, and answered to be. */
  asked: "commit" | "abort" | null;
  answered: "commit" | "abort" | null;
}

export type Level = 1 | 2;

interface Timer {
  readonly atMs: number;
  readonly work: () => void;
}

/** What goes with the process. */
interface Life {
  readonly transactions: TransactionCoordinator;
  readonly groups: GroupCoordinator;
  readonly admission: ProduceAdmission;
  readonly gate: CoordinatorGate;
  readonly orphans: OrphanedTransactions;
}

export class World {
  readonly random: Random;
  /** The finalised level of transaction.version, by which a copier begins its next transaction. */
  level: Level;
  readonly inputs: number;
  readonly clock = new FakeClock();
  readonly decisions = new SimulatedLog();
  readonly offsets: ProducedLog;
  readonly data: readonly ProducedLog[];
  readonly offsetsPartition = { topic: OFFSETS, partition: 0 };
  /** Nothing is lost, refused or late any more. */
  isCalm = false;
  /** What happened in this history, by name. */
  readonly situations = new Set<string>();
  readonly #canary: Canary;
  readonly #told: Told[] = [];
  #copiers: Copier[] = [];
  #life: Life;
  #lives = 0;
  /** Leader epochs of the coordinators' partitions. */
  #epochs = { decisions: 0, offsets: 0 };
  #producerIds = 1000;
  #timers: Timer[] = [];
  #violation: Error | null = null;
  readonly #shown = new Map<ProducedLog, string[]>();

  constructor(random: Random, canary: Canary) {
    this.random = random;
    this.#canary = canary;
    // A late request can do harm below version 2, which is why there is a version 2.
    this.level = canary === "a late marker ends what came after" || !random.oneIn(3) ? 2 : 1;
    this.inputs = 10 + random.below(20);
    const nowMs = () => this.clock.nowMs();
    this.offsets = new ProducedLog(nowMs);
    this.data = [0, 1, 2].map(() => new ProducedLog(nowMs));
    this.decisions.writesLate = true;
    this.decisions.liesAboutSync = canary === "decisions are answered before they are kept";
    this.offsets.liesAboutSync = canary === "offsets are answered before they are kept";
    this.#life = this.#start();
  }

  /** Runs a history of so many steps. */
  async run(steps: number): Promise<void> {
    await this.#load();
    this.#copiers.push(new Copier(this));
    for (let i = 0; i < steps; i++) {
      await this.#step();
      await this.#settle();
      this.#check();
    }
    await this.#finish();
  }

  fail(error: Error): void {
    this.#violation ??= error;
  }

  met(situation: string): void {
    this.situations.add(situation);
  }

  begun(inputs: readonly number[]): Told {
    const told: Told = { name: `txn${this.#told.length}`, inputs, asked: null, answered: null };
    this.#told.push(told);
    return told;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.later(ms, resolve));
  }

  later(ms: number, work: () => unknown): () => void {
    const timer = { atMs: this.clock.monotonicMs() + ms, work };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** The answer of the process that was asked; none when it dies before. */
  inThisLife<T>(answer: Promise<T>): Promise<T> {
    const life = this.#lives;
    return new Promise((resolve, reject) =>
      answer.then((value) => life === this.#lives && resolve(value), reject)
    );
  }

  // What the broker is asked, as its handlers do it.

  async init(expected: Credentials | null): Promise<TransactionReply> {
    return await this.#life.transactions.initProducerId({
      transactionalId: ID,
      timeoutMs: TIMEOUT_MS,
      expected,
    });
  }

  async addPartition(
    as: Credentials,
    partition: { topic: string; partition: number },
  ): Promise<number> {
    const request = { ...as, partitions: [partition], clientVersion: 0 } as const;
    return await this.#life.transactions.addPartitions(ID, request);
  }

  async endTxn(as: Credentials, isCommit: boolean, level: Level): Promise<TransactionReply> {
    const clientVersion = level === 2 ? 2 : 0;
    return await this.#life.transactions.endTxn(ID, { ...as, isCommit, clientVersion });
  }

  async produce(index: number, bytes: Uint8Array, level: Level): Promise<number> {
    const log = this.data[index], { admission } = this.#life, data = { index, records: bytes };
    if (log.offline !== null) return KAFKA_STORAGE_ERROR;
    let verification;
    if (this.#canary !== "nobody is asked about first batches") {
      const candidate = { data, topic: TOPIC, bytes, log: () => log as unknown as PartitionLog };
      const version = level === 2 ? 12 : 9;
      const admitted = await this.#here(admission.admitAll([candidate], ID, version));
      const { errorCode, verification: given } = admitted.get(data)!;
      if (errorCode !== NONE) return errorCode;
      verification = given;
    }
    return await this.#appended(log, bytes, { origin: "client", verification });
  }

  async commitOffset(as: Credentials, offset: number, level: Level): Promise<number> {
    const { groups, gate } = this.#life;
    const adds = level === 2, log = this.offsets;
    const first = buildBatch({ records: [], ...as, isTransactional: true });
    const begun = log.producers.beginVerification(first, adds, this.clock.nowMs());
    if (typeof begun === "number") return begun;
    if (begun !== null) {
      const { verifications } = log.producers, mode = adds ? "add" : "verify";
      const isBeside = !log.producers.hasOpen(as.producerId);
      const claim = {
        transactionalId: ID,
        ...as,
        ...this.offsetsPartition,
        mode,
        isBeside,
      } as const;
      const errorCode = await this.#here(gate.admit(claim));
      verifications?.end(begun, errorCode === NONE);
      if (errorCode !== NONE) return errorCode;
    }
    const [code] = await commitInTransaction(groups, {
      groupId: GROUP,
      generation: -1,
      memberId: "",
      instanceId: null,
      retentionTimeMs: -1,
      knowsGroupErrors: true,
      producer: { ...as, verification: begun },
      offsets: [{
        topic: INPUT,
        topicId: ZERO_UUID,
        partition: 0,
        offset: BigInt(offset),
        leaderEpoch: -1,
        metadata: "",
      }],
    });
    return code;
  }

  /** Where the group stands; null while that may not be said. */
  async fetchOffset(): Promise<number | null> {
    const wanted = [{ topic: INPUT, topicId: ZERO_UUID, partition: 0 }];
    const fetched = await fetchOffsets(this.#life.groups, GROUP, wanted, true);
    if (typeof fetched === "number" || fetched[0].isUnstable) return null;
    return Number(fetched[0].committed?.offset ?? 0);
  }

  /** As LocalMarkers does it, over a network that may lose the answer, or bring the marker twice. */
  #writeMarker(topic: string, partition: number, marker: TransactionMarker): Promise<number> {
    const log = topic === TOPIC ? this.data[partition] : this.offsets;
    if (log.offline !== null) {
      const isTakenForDeleted = this.#canary === "an offline partition is taken for deleted";
      return Promise.resolve(isTakenForDeleted ? NONE : KAFKA_STORAGE_ERROR);
    }
    if (this.#canary === "markers are not sent again" && this.#lives > 1 && this.random.oneIn(4)) {
      return Promise.resolve(NONE);
    }
    const { producerId, producerEpoch, isCommit, coordinatorEpoch } = marker;
    const isDoubled = marker.transactionVersion === 2 && !this.isCalm && this.random.oneIn(10);
    const isForgetful = this.#canary === "a late marker ends what came after";
    const transactionVersion = isForgetful ? 0 : marker.transactionVersion;
    const timestampMs = this.clock.nowMs();
    const write = () => {
      const bytes = buildEndTxnBatch({
        isCommit,
        coordinatorEpoch,
        producerId,
        producerEpoch,
        timestampMs,
      });
      const appended = log.append(bytes, {
        origin: "coordinator",
        leaderEpoch: log === this.offsets ? this.#epochs.offsets : this.#lives,
        transactionVersion,
      });
      const isHeard = this.#canary !== "groups do not hear of markers";
      if (appended.errorCode === NONE && log === this.offsets && isHeard) {
        const { durable } = appended;
        this.#life.groups.marker(0, { producerId, isCommit, durable });
      }
      return appended;
    };
    if (isDoubled) {
      this.later(this.random.below(20_000), () => this.met(`late marker ${write().errorCode}`));
    }
    const { errorCode, durable } = write();
    if (errorCode !== NONE) return Promise.resolve(errorCode);
    const isLost = !this.isCalm && this.random.oneIn(10);
    return durable.then(() => isLost ? KAFKA_STORAGE_ERROR : NONE, () => KAFKA_STORAGE_ERROR);
  }

  async #appended(
    log: ProducedLog,
    bytes: Uint8Array,
    claim: Omit<Parameters<ProducedLog["append"]>[1], "leaderEpoch">,
  ): Promise<number> {
    const { errorCode, durable } = log.append(bytes, { ...claim, leaderEpoch: this.#lives });
    if (errorCode !== NONE) return errorCode;
    return await durable.then(() => NONE, () => KAFKA_STORAGE_ERROR);
  }

  /** What goes on only in the process that it began in. */
  #here<T>(step: Promise<T>): Promise<T> {
    return this.inThisLife(step);
  }

  get #logs() {
    return [this.decisions, this.offsets, ...this.data];
  }

  async #step(): Promise<void> {
    const { random } = this;
    const dice = random.below(200);
    if (dice < 90) return await this.#pass(random.below(random.oneIn(10) ? 60_000 : 400));
    if (dice < 150) return this.#syncOne(random.pick(this.#logs));
    if (dice < 162) return await this.#crash();
    if (dice < 167) return await this.#reload();
    if (dice < 170) return random.pick(this.#logs).failWrites();
    if (dice < 172) return this.decisions.failLast();
    if (dice < 178) {
      random.pick(this.#logs).isRefusing = random.oneIn(4);
      return;
    }
    if (dice < 184) {
      const log = random.pick(this.data);
      log.offline = log.offline === null && random.oneIn(2) ? "it is examined" : null;
      if (log.offline === null) this.#online(this.data.indexOf(log));
      return;
    }
    if (dice < 190) return this.clock.stepWall(random.below(200_000_000) - 100_000_000);
    if (dice < 191 && this.#canary === "none") {
      this.level = this.level === 1 ? 2 : 1;
      this.met(`transaction.version ${this.level}`);
    }
    if (dice < 195 && this.#copiers.length > 0) random.pick(this.#copiers).isDead = true;
    // Beside those that are there: whoever is fenced by it may be asleep.
    this.#copiers = this.#copiers.filter(({ isOver }) => !isOver);
    if (this.#copiers.length < 3) this.#copiers.push(new Copier(this));
  }

  /** The power fails; another process takes over what each disk has kept. */
  async #crash(): Promise<void> {
    const { random } = this;
    this.#stop();
    for (const log of this.#logs) {
      log.crash((unsynced) => {
        const kept = random.below(unsynced + 1);
        if (kept < unsynced) {
          this.met(`a crash takes back what was ${log === this.decisions ? "decided" : "written"}`);
        }
        return kept;
      });
    }
    this.#life = this.#start();
    if (this.#canary === "what a start finds open is taken for known") {
      for (const { producers } of [this.offsets, ...this.data]) {
        for (const open of producers.unadmitted()) producers.admit(open);
      }
    }
    await this.#load();
  }

  /** Coordinators give up their partitions and take them up again. */
  async #reload(): Promise<void> {
    const { transactions: { runtime }, groups } = this.#life;
    const of = this.random.pick(["decisions", "offsets"] as const);
    const coordinator = of === "decisions" ? runtime : groups;
    coordinator.unload(0);
    await coordinator.load(0, { log: this[of], leaderEpoch: ++this.#epochs[of] });
  }

  #online(partition: number): void {
    this.#life.transactions.online({ topic: TOPIC, partition });
  }

  #stop(): void {
    this.#life.transactions.stop();
    this.#life.groups.stop();
  }

  #start(): Life {
    this.#lives++;
    this.#epochs = { decisions: this.#epochs.decisions + 1, offsets: this.#epochs.offsets + 1 };
    const life = this.#lives;
    const wake = (delayMs: number, work: () => void) =>
      this.later(delayMs, () => life === this.#lives && work());
    const onEvent = (event: string, details: Record<string, unknown>) => {
      this.met(event);
      if (event.endsWith("work_failed")) this.fail(new Violation(JSON.stringify(details)));
    };
    const topic = (name: string, of: "decisions" | "offsets") => ({
      name,
      partitionCount: 1,
      create: () => Promise.resolve(),
      led: () => ({ log: this[of], leaderEpoch: this.#epochs[of] }),
    });
    const transactions = new TransactionCoordinator({
      clock: this.clock,
      time: new TrustedTime(this.clock),
      settings: TRANSACTION_SETTINGS,
      topic: topic("__transaction_state", "decisions"),
      markers: { write: (...one) => this.#writeMarker(...one) },
      isKnown: () => true,
      transactionVersion: () => this.level,
      newProducerId: () => Promise.resolve(this.#producerIds++),
      give: () => {},
      wake,
      onEvent,
    });
    const groups = new GroupCoordinator({
      clock: this.clock,
      settings: GROUP_SETTINGS,
      topic: topic(OFFSETS, "offsets"),
      consumer: consumerContext(),
      give: () => {},
      newId: () => "",
      wake,
      onEvent,
    });
    const gate = new CoordinatorGate(transactions);
    const admission = new ProduceAdmission({
      gate,
      isVerifying: true,
      clock: this.clock,
      onAnswered: () => {},
    });
    const orphans = new OrphanedTransactions({
      logs: () => this.#partitions(),
      coordinator: transactions,
      markers: { write: (...one) => this.#writeMarker(...one) },
      turn: { isLong: false, next: () => Promise.resolve() },
      onEnded: () => this.met("what nobody knows is ended"),
    });
    transactions.runtime.every(10_000, () => this.#look(orphans));
    return { transactions, groups, admission, gate, orphans };
  }

  async #load(): Promise<void> {
    await this.#life.transactions.loadAll();
    await this.#life.groups.loadAll();
    this.#look(this.#life.orphans);
  }

  #look(orphans: OrphanedTransactions): void {
    if (this.#canary === "what nobody knows is not ended") return;
    orphans.look().catch((error) => this.fail(error));
  }

  *#partitions() {
    for (const [partition, log] of [...this.data, this.offsets].entries()) {
      const topic = log === this.offsets ? OFFSETS : TOPIC, loadedProducers = log.producers;
      yield { topic, partition: log === this.offsets ? 0 : partition, loadedProducers };
    }
  }

  /** Time for every timer on the way, and for disks to sync, some of them more slowly than others. */
  async #pass(ms: number): Promise<void> {
    this.#sync();
    const untilMs = this.clock.monotonicMs() + ms;
    for (;;) {
      await this.#settle();
      this.#sync();
      await this.#settle();
      const next = this.#timers.reduce<Timer | null>(
        (a, b) => a === null || b.atMs < a.atMs ? b : a,
        null,
      );
      if (next === null || next.atMs > untilMs) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.clock.advance(Math.max(0, next.atMs - this.clock.monotonicMs()));
      next.work();
    }
    this.clock.advance(untilMs - this.clock.monotonicMs());
  }

  #sync(): void {
    for (const log of this.#logs) {
      if (this.isCalm || !this.random.oneIn(3)) this.#syncOne(log, false);
    }
  }

  /**
   * What is acknowledged of one log: not before what was written before it of another, which is how rounds of sync are
   * (GroupCommit). What a crash leaves of them has no such order.
   */
  #syncOne(log: SimulatedLog | ProducedLog, mayBePart = true): void {
    if (log !== this.decisions) this.decisions.syncWritten();
    log.sync(mayBePart && this.random.oneIn(2) ? 1 : undefined);
  }

  /** Lets everything that is only waiting for its turn happen. */
  async #settle(): Promise<void> {
    if (this.isCalm || !this.random.oneIn(8)) this.decisions.write();
    for (let i = 0; i < 60; i++) await null;
  }

  #check(): void {
    if (this.#violation !== null) throw this.#violation;
    const copied = new Map<number, string>();
    for (const log of this.data) {
      const { values, undecided } = log.committed();
      if (undecided.some((offset) => offset < log.lastStableOffset)) {
        throw new Violation(
          `what is below the last stable offset ${log.lastStableOffset} is undecided`,
        );
      }
      for (const [i, value] of (this.#shown.get(log) ?? []).entries()) {
        if (values[i] !== value) throw new Violation(`${value} was seen, and is ${values[i]} now`);
      }
      this.#shown.set(log, values);
      for (const value of values) {
        const [name, input] = value.split("/");
        const told = this.#told.find((one) => one.name === name)!;
        if (told.asked !== "commit") {
          throw new Violation(`${value} is seen, though its copier asked for ${told.asked}`);
        }
        const other = copied.get(Number(input));
        if (other !== undefined) throw new Violation(`${value} is seen, and so is ${other}`);
        copied.set(Number(input), value);
      }
    }
  }

  /** Everything heals, and the last copier copies the rest: then all is there, once, and nothing hangs. */
  async #finish(): Promise<void> {
    this.isCalm = true;
    for (const log of this.#logs) log.isRefusing = false;
    for (const [partition, log] of this.data.entries()) {
      log.offline = null;
      this.#online(partition);
    }
    for (const copier of this.#copiers) copier.isDead = true;
    await this.#pass(600_000);
    const last = new Copier(this);
    for (let i = 0; i < 60 && !last.isOver; i++) await this.#pass(60_000);
    await this.#pass(120_000);
    this.#check();
    if (!last.isOver) throw new Violation("the last copier does not come to an end");
    const seen = this.data.flatMap((log) => log.committed().values);
    for (const { name, inputs, answered } of this.#told) {
      const there = inputs.filter((input) => seen.includes(`${name}/${input}`)).length;
      if (there > 0 && there < inputs.length || answered === "commit" && there === 0) {
        throw new Violation(
          `of ${name} (${answered}), ${there} of ${inputs.length} records are seen`,
        );
      }
    }
    if (seen.length !== this.inputs) {
      throw new Violation(`${seen.length} of ${this.inputs} inputs were copied`);
    }
    const position = await this.fetchOffset();
    if (position !== this.inputs) {
      throw new Violation(`the group is at ${position} of ${this.inputs}`);
    }
    this.#checkNothingHangs();
  }

  #checkNothingHangs(): void {
    for (const { shard } of this.#life.transactions.runtime.active()) {
      for (const { id, value } of shard.entities()) {
        if (!isIdle(value)) throw new Violation(`${id} is left in ${stateName(value.state)}`);
      }
    }
    for (const log of [this.offsets, ...this.data]) {
      if (log.lastStableOffset !== log.logEndOffset) {
        throw new Violation(
          `a log ends at ${log.logEndOffset}, stable are ${log.lastStableOffset}`,
        );
      }
      const [live, replayed] = [log.producers, log.replayed()].map((one) =>
        JSON.stringify(one.entries())
      );
      if (live !== replayed) throw new Violation(`producers are ${live}, replayed ${replayed}`);
    }
  }
}

const GROUP_SETTINGS = {
  initialRebalanceDelayMs: 3000,
  minSessionTimeoutMs: 1,
  maxSessionTimeoutMs: 60_000,
  maxSize: 6,
  maxGroups: 100,
  offsetsRetentionMs: Number.MAX_SAFE_INTEGER,
  offsetsRetentionCheckIntervalMs: 600_000,
  offsetMetadataMaxLength: 4096,
};
