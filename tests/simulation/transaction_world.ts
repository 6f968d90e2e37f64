/**
 * A world of copiers around one broker: they take inputs from where their group stands, and write them with the group's new
 * offset in a transaction; they die, hang and come back beside those that took their place; requests and answers get lost,
 * late and doubled; coordinators move, partitions go offline, disks refuse, the power fails between any two records.
 * Everything follows from a seed, and after each step the world checks what must hold.
 */
import { fetchOffsets } from "../../src/groups/requests/committing.ts";
import { commitInTransaction } from "../../src/groups/requests/transactional_commit.ts";
import type { OrphanedTransactions } from "../../src/handlers/orphaned_transactions.ts";
import { ZERO_UUID } from "../../src/bytes/uuid.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import { buildEndTxnBatch } from "../../src/protocol/records/control_record.ts";
import type { PartitionLog } from "../../src/storage/log/partition_log.ts";
import type { TransactionMarker } from "../../src/transactions/marker_writer.ts";
import type { Credentials, TransactionReply } from "../../src/transactions/transaction_events.ts";
import type { Random } from "../random.ts";
import { ProducedLog } from "./produced_log.ts";
import { SimulatedLog } from "./simulated_log.ts";
import { Copier } from "./transaction_copier.ts";
import { checkNothingHangs, TransactionLedger, Violation } from "./transaction_ledger.ts";
import { type Life, startLife } from "./transaction_process.ts";
import { WorldTime } from "./world_time.ts";

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

export type Level = 1 | 2;

export class World {
  readonly random: Random;
  /** The finalised level of transaction.version, by which a copier begins its next transaction. */
  level: Level;
  readonly inputs: number;
  readonly time = new WorldTime();
  readonly decisions = new SimulatedLog();
  readonly offsets: ProducedLog;
  readonly data: readonly ProducedLog[];
  readonly offsetsPartition = { topic: OFFSETS, partition: 0 };
  /** Nothing is lost, refused or late any more. */
  isCalm = false;
  /** What happened in this history, by name. */
  readonly situations = new Set<string>();
  readonly #canary: Canary;
  readonly ledger = new TransactionLedger();
  #copiers: Copier[] = [];
  #life: Life;
  #lives = 0;
  /** Leader epochs of the coordinators' partitions. */
  #epochs = { decisions: 0, offsets: 0 };
  #producerIds = 1000;
  #violation: Error | null = null;

  constructor(random: Random, canary: Canary) {
    this.random = random;
    this.#canary = canary;
    // A late request can do harm below version 2, which is why there is a version 2.
    this.level = canary === "a late marker ends what came after" || !random.oneIn(3) ? 2 : 1;
    this.inputs = 10 + random.below(20);
    const nowMs = () => this.time.clock.nowMs();
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

  /** One in five is an older client, which may take over from a newer one, and the other way round. */
  newestLevelOfNext(): Level {
    if (this.#canary !== "none" || !this.random.oneIn(5)) return 2;
    this.met("an older client");
    return 1;
  }

  met(situation: string): void {
    this.situations.add(situation);
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
    const begun = log.producers.beginVerification(first, adds, this.time.clock.nowMs());
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
    const timestampMs = this.time.clock.nowMs();
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
      this.time.later(
        this.random.below(20_000),
        () => this.met(`late marker ${write().errorCode}`),
      );
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
    if (dice < 190) return this.time.clock.stepWall(random.below(200_000_000) - 100_000_000);
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
    const life = this.#lives, { clock } = this.time;
    const started = startLife({
      clock,
      wake: (delayMs, work) => this.time.later(delayMs, () => life === this.#lives && work()),
      led: (of) => ({ log: this[of], leaderEpoch: this.#epochs[of] }),
      logs: () => this.#partitions(),
      writeMarker: (...one) => this.#writeMarker(...one),
      level: () => this.level,
      newProducerId: () => this.#producerIds++,
      met: (situation) => this.met(situation),
      fail: (error) => this.fail(error),
    });
    started.transactions.runtime.every(10_000, () => this.#look(started.orphans));
    return started;
  }

  *#partitions() {
    for (const [partition, { producers }] of this.data.entries()) {
      yield { topic: TOPIC, partition, loadedProducers: producers };
    }
    yield { ...this.offsetsPartition, loadedProducers: this.offsets.producers };
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

  /** Time for timers on the way, and for disks to sync, some of them more slowly than others. */
  #pass(ms: number): Promise<void> {
    this.#sync();
    return this.time.pass(ms, async () => {
      await this.#settle();
      this.#sync();
      await this.#settle();
    });
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
    this.ledger.checkWhole(this.data, this.inputs);
    const position = await this.fetchOffset();
    if (position !== this.inputs) {
      throw new Violation(`the group is at ${position} of ${this.inputs}`);
    }
    checkNothingHangs(this.#life.transactions, [this.offsets, ...this.data]);
  }

  #check(): void {
    if (this.#violation !== null) throw this.#violation;
    this.ledger.check(this.data);
  }
}
