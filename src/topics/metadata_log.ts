/**
 * MetadataLog: the MetadataStore in one log, `__cluster_metadata-0`, written as a KRaft controller that is its only
 * voter writes it.
 *
 * open() only reads: it replays the log and refuses what it does not understand. start() takes the lead: a new epoch,
 * the first records of a new cluster, and this broker's registration. Then transactions: each appends one batch,
 * syncs it whatever the flush policy is, applies it and tells the watchers; one at a time, in the order of the calls.
 * A write that the store refuses and that is taken back changes nothing: the next one is tried. Only where a sync failed
 * is it unknown what the device holds, and nothing follows.
 */
import { randomUuid, type Uuid } from "../bytes/uuid.ts";
import type { Clock, GivesWay } from "../clock.ts";
import type { TopicConfig } from "../config/topic_configs.ts";
import { BackgroundWork } from "../metrics/background.ts";
import { errorName } from "../protocol/errors.ts";
import type { MetaProperties } from "../storage/directory/meta_properties.ts";
import { lastRunEpoch } from "../storage/directory/interrupted_start.ts";
import { isMarkedExact } from "../storage/directory/inventory.ts";
import { heldNumbers, NOTHING_HELD } from "../storage/recovery/held_numbers.ts";
import { type Store, StoreError } from "../storage/store.ts";
import { BOOTSTRAP_FILE, formattedLevels, formattedWith } from "./bootstrap.ts";
import { Catalogue } from "./catalogue.ts";
import { type CatalogueChange, noChange } from "./catalogue_change.ts";
import { FrozenLog } from "./frozen_log.ts";
import { leaderChangeBatch, MAX_BATCH_BYTES, recordBatch, snapshotFile } from "./metadata_batch.ts";
import { MetadataLogError, NotWrittenError, TooLargeChangeError } from "./metadata_log_error.ts";
import type { NewRecord } from "./metadata_record.ts";
import { removeOlderSnapshots, type SnapshotLimits, writeSnapshot } from "./metadata_snapshot.ts";
import { readMetadataCut, settleMetadataCut } from "./metadata_cut.ts";
import { Replay, type Replayed, replayLog } from "./metadata_replay.ts";
import { METADATA_TOPIC } from "./metadata_topic.ts";
import type { MetadataStore, Plan, QuorumView, Steps, Watcher } from "./metadata_store.ts";
import { notOurs } from "./not_ours.ts";
import { blocksBeyond, producerIdBlock } from "./producer_ids.ts";
import { readQuorumState, writeQuorumState } from "./quorum_state.ts";
import { checkThatItIsWhole, holdsDeleted, type LastStop } from "./start_evidence.ts";
import {
  bootstrapRecords,
  type Endpoint,
  INITIAL_FEATURES,
  METADATA_VERSIONS,
  registerBroker,
  registerController,
  unfence,
} from "./registration.ts";

const FOLDER = `${METADATA_TOPIC}-0`;
/** Records in a batch of this broker's registration; Kafka's own batches hold no more (QuorumController). */
const MAX_RECORDS = 10_000;
/**
 * Records of one change: the partitions that a request may make, with their topics. Kafka takes half as many
 * (MAX_RECORDS_PER_USER_OP).
 */
const MAX_CHANGE_RECORDS = 20_000;

/** What the metadata log needs of a partition log. */
export interface RecordLog {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** The last epoch anything was appended in, -1 for none. */
  readonly epochs: { readonly latestEpoch: number };
  /** Why it serves nothing, or takes no batch for now; null or absent where nothing is wrong. */
  readonly offline?: string | null;
  readonly writeFault?: string | null;
  lead(epoch: number): Promise<void>;
  append(
    bytes: Uint8Array,
    options: { readonly origin: "controller"; readonly leaderEpoch: number },
  ): { readonly errorCode: number; readonly durable: Promise<void> | null };
  read(
    from: number,
    options: { readonly maxBytes: number; readonly bound: "leo"; readonly minOneBatch: true },
  ): Uint8Array | null | Promise<Uint8Array | null>;
  /** Begins a new segment at the log end. */
  roll(): void;
  /** Moves the log start up. */
  advanceStart(offset: number): void;
  /** Drops the segments before the one that holds the log start. */
  dropBeforeStart(): void;
  /** Resolves when everything appended survives power loss; asked where the flush policy does not wait for that. */
  sync(): Promise<void>;
}

export interface MetadataLogOptions {
  readonly store: Store;
  readonly log: RecordLog;
  readonly meta: MetaProperties;
  readonly clock: Clock;
  /** The static configuration of topics. */
  readonly topicDefaults: TopicConfig;
  readonly newId?: () => Uuid;
  readonly snapshots: SnapshotLimits;
  /** Takes the memory of a read back. */
  readonly give?: (bytes: Uint8Array) => void;
  /** Gives others a turn while a plan takes long; without it none is given. */
  readonly turn?: GivesWay;
  /** Frees some bytes of a full disk; whether it could. Asked where what is to be written lets more be freed. */
  readonly makeRoom?: () => Promise<boolean>;
  /** Told what an operator should know: a snapshot that could not be written or used. */
  readonly onProblem?: (event: string, details: Record<string, unknown>) => void;
}

export interface StartOptions {
  readonly endpoint: Endpoint;
  readonly moreEndpoints?: readonly Endpoint[];
  /** Whether the last broker on this directory stopped cleanly; if not, every partition begins a new leader epoch. */
  readonly wasClean: boolean;
  /** Whether a torn end was cut off the log, whatever is noted of that (MetadataCut). */
  readonly wasCut?: boolean;
  /** Of the broker's registration; a new one unless given. */
  readonly incarnationId?: Uuid;
}

export class MetadataLog implements MetadataStore {
  readonly catalogue: Catalogue;
  readonly #options: MetadataLogOptions;
  readonly #replay: Replay;
  readonly #watchers = new Set<Watcher>();
  #queue: Promise<unknown> = Promise.resolve();
  #failure: Error | null = null;
  #version = -1;
  #leaderEpoch = -1;
  #brokerEpoch = -1;
  /** Of the batches behind the last snapshot. */
  #bytes = 0;
  #oldestMs: number | null = null;
  /** By monotonic time: before it no snapshot is tried again. */
  #snapshotNotBeforeMs = -Infinity;
  /** How snapshots fare. */
  readonly work = new BackgroundWork("metadata snapshots");

  private constructor(options: MetadataLogOptions, catalogue: Catalogue) {
    this.#options = options;
    this.catalogue = catalogue;
    this.#replay = new Replay(catalogue);
  }

  /** Replays the log. Throws MetadataLogError for what this broker must not touch. */
  static async open(options: MetadataLogOptions): Promise<MetadataLog> {
    const { store, log, meta, topicDefaults, give } = options;
    const foldsCase = store.foldsCase();
    const catalogue = new Catalogue({ nodeId: meta.nodeId, topicDefaults, foldsCase });
    const opened = new MetadataLog(options, catalogue);
    opened.#start(await replayLog(opened.#replay, { store, log, folder: FOLDER, give }));
    checkThatItIsOurs(options, opened.#replay);
    return opened;
  }

  /**
   * The same, with the log as it lies in the store, so that a directory that is refused has not been touched; and that
   * it is the whole log. Before anything in the directory is opened.
   */
  static async check(
    options: Omit<MetadataLogOptions, "log" | "snapshots">,
    lastStop: LastStop,
  ): Promise<void> {
    const { store, meta, topicDefaults } = options;
    const foldsCase = store.foldsCase();
    const catalogue = new Catalogue({ nodeId: meta.nodeId, topicDefaults, foldsCase });
    const replay = new Replay(catalogue);
    const log = new FrozenLog(store, FOLDER, readQuorumState(store, FOLDER)?.leaderEpoch);
    try {
      await replayLog(replay, { store, log, folder: FOLDER });
    } finally {
      log.close();
    }
    checkThatItIsOurs(options, replay);
    checkThatItIsWhole({
      store,
      folder: FOLDER,
      nodeId: meta.nodeId,
      log,
      catalogue,
      lastStop,
    });
  }

  /** Offset of the last record applied. */
  get version(): number {
    return this.#version;
  }

  /** Of this start. */
  get leaderEpoch(): number {
    return this.#leaderEpoch;
  }

  /** Why nothing can be changed for now, or any more; null when it can. */
  get problem(): string | null {
    const { offline = null, writeFault = null } = this.#options.log;
    return this.#failure?.message ?? offline ?? writeFault;
  }

  get quorum(): QuorumView {
    const { leaderEpoch, kraftVersion, directoryId } = this;
    return { leaderEpoch, kraftVersion, directoryId };
  }

  /** 0: the voters stand in quorum-state; 1: in the log (KIP-853). */
  get kraftVersion(): number {
    return this.#replay.kraftVersion;
  }

  /** Of this start's registration: the offset of its record. */
  get brokerEpoch(): number {
    return this.#brokerEpoch;
  }

  get directoryId(): Uuid {
    return this.#options.meta.directoryId;
  }

  /** The level the records are written at (30: Kafka 4.3, 33: Kafka 4.4). */
  get metadataVersion(): number {
    return this.catalogue.features.get("metadata.version") ?? METADATA_VERSIONS.max;
  }

  /** Takes the lead of the log and registers this broker. Call once, before any transaction. */
  async start(options: StartOptions): Promise<void> {
    const { endpoint, moreEndpoints, wasClean, wasCut = false } = options;
    const { store, meta, newId = randomUuid } = this.#options;
    const { incarnationId = newId() } = options;
    const cut = readMetadataCut(store), lost = Math.max(cut?.batches ?? 0, wasCut ? 1 : 0);
    // What a clean stop left has lost nothing: then no log is looked at.
    const isWhole = wasClean && lost === 0 && isMarkedExact(store);
    const lastBrokerEpoch = lastRunEpoch(store, this.catalogue.broker(meta.nodeId));
    const held = isWhole ? NOTHING_HELD : heldNumbers(store, lastBrokerEpoch);
    await this.#beginEpoch();
    if (this.#replay.isInTransaction) {
      const value = { reason: "The writer of this transaction stopped before its end" };
      await this.#commit([{ kind: "AbortTransactionRecord", version: 0, value }]);
    }
    if (this.catalogue.features.size === 0) {
      const features = formattedWith(store, this.#replay);
      if (features === null) await store.replace(BOOTSTRAP_FILE, this.#bootstrapFile());
      await this.#commit(bootstrapRecords(features ?? INITIAL_FEATURES));
    }
    const node = {
      nodeId: meta.nodeId,
      directoryId: meta.directoryId,
      endpoint,
      moreEndpoints,
    };
    await this.#commit([registerController({ ...node, incarnationId: newId() })]);
    const brokerEpoch = this.#options.log.logEndOffset;
    const { metadataVersion } = this;
    await this.#commit([
      registerBroker({ ...node, incarnationId }, { brokerEpoch, metadataVersion }),
    ]);
    this.#brokerEpoch = brokerEpoch;
    const records = unfence(this.catalogue, meta.nodeId, {
      brokerEpoch,
      metadataVersion,
      wasClean,
      // An epoch lies outside its batch's checksum: no more of them can be lost than commits are.
      leaderEpochIn: (topicId, { index, leaderEpoch }) => {
        const epoch = held.leaderEpoch(topicId, index);
        return epoch <= leaderEpoch + lost ? epoch : -1;
      },
    });
    // Each commit that is lost may have been a block of producer ids: an id is never given twice.
    const blocks = Math.max(lost, blocksBeyond(this.catalogue, held.producerId));
    if (blocks > 0) records.push(producerIdBlock(this.catalogue, meta.nodeId, blocks));
    for (let from = 0; from < records.length; from += MAX_RECORDS) {
      await this.#commit(records.slice(from, from + MAX_RECORDS));
    }
    if (cut !== null) await settleMetadataCut(store, cut, wasClean);
    // A snapshot forgets which topics were removed: not while a folder of one waits to go.
    if (!(this.#isSnapshotDue && holdsDeleted(store, this.catalogue))) {
      await this.#snapshotWhenDue();
    }
  }

  transact<Result>(
    plan: (catalogue: Catalogue) => Plan<Result> | Steps<Result>,
  ): Promise<Result> {
    const done = this.#queue.then(async () => {
      const { records, result } = await this.#planned(plan(this.catalogue));
      if (records.length > MAX_CHANGE_RECORDS) {
        throw new TooLargeChangeError(
          `Unable to perform excessively large batch operation: ${records.length} metadata records, at most ${MAX_CHANGE_RECORDS} are allowed at once`,
        );
      }
      if (records.length > 0) {
        await this.#notify(await this.#commit(records));
        await this.#snapshotWhenDue();
      }
      return result;
    });
    this.#queue = done.catch(() => {}); // the caller has the error; the next one in the queue starts anew
    return done;
  }

  /** Nobody else writes meanwhile: whoever wants to waits in the queue. */
  async #planned<Result>(plan: Plan<Result> | Steps<Result>): Promise<Plan<Result>> {
    if (!("next" in plan)) return plan;
    const { turn } = this.#options;
    for (;;) {
      const step = plan.next();
      if (step.done) return step.value;
      if (turn?.isLong) await turn.next();
    }
  }

  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Resolves when every transaction asked for so far is over. */
  async settled(): Promise<void> {
    await this.#queue;
  }

  #start({ endOffset, bytes, oldestMs, warnings }: Replayed): void {
    this.#version = endOffset - 1;
    this.#bytes = bytes;
    this.#oldestMs = oldestMs;
    for (const reason of warnings) {
      this.#options.onProblem?.("metadata_snapshot_ignored", { reason });
    }
  }

  get #isSnapshotDue(): boolean {
    const { clock, snapshots } = this.#options;
    const nowMs = clock.nowMs(), ageMs = nowMs - (this.#oldestMs ?? nowMs);
    if (this.#replay.isInTransaction || clock.monotonicMs() < this.#snapshotNotBeforeMs) {
      return false;
    }
    return this.#bytes >= snapshots.bytes || ageMs >= snapshots.intervalMs;
  }

  /**
   * One at a time, since commits are. A crash between its steps leaves more than is needed, never less. Where it fails
   * the commit before it stands, and the next commit tries again.
   */
  async #snapshotWhenDue(): Promise<void> {
    if (!this.#isSnapshotDue) return;
    const { clock, onProblem } = this.#options, nowMs = clock.nowMs();
    try {
      await this.#snapshot();
      this.work.succeeded(FOLDER, nowMs);
    } catch (error) {
      this.#snapshotNotBeforeMs = clock.monotonicMs() + SNAPSHOT_RETRY_MS;
      const reason = (error as Error).message;
      if (this.work.failed(FOLDER, error)) onProblem?.("metadata_snapshot_failed", { reason });
    }
  }

  async #snapshot(): Promise<void> {
    const { store, log, clock } = this.#options, nowMs = clock.nowMs();
    const endOffset = log.logEndOffset;
    await writeSnapshot(store, FOLDER, {
      catalogue: this.catalogue,
      metadataVersion: this.metadataVersion,
      quorum: this.#replay.quorum,
      endOffset,
      leaderEpoch: this.#leaderEpoch,
      nowMs,
    });
    log.roll();
    await this.#synced(() => log.sync());
    await store.syncFolder(FOLDER); // the new segment has its name before the old ones lose theirs
    log.advanceStart(endOffset);
    log.dropBeforeStart(); // the snapshot is on the device
    removeOlderSnapshots(store, FOLDER, endOffset);
    this.catalogue.deleted.snapshotTaken();
    this.#bytes = 0;
    this.#oldestMs = null;
  }

  /** The change stands whatever becomes of those who follow it: none of them fails who brought it, or the others. */
  async #notify(change: CatalogueChange): Promise<void> {
    for (const watcher of this.#watchers) {
      try {
        await watcher(change);
      } catch (error) {
        this.#options.onProblem?.("metadata_watcher_failed", { error: String(error) });
      }
    }
  }

  /** Appends the records as one batch, waits until they are durable, and applies them. */
  async #commit(records: readonly NewRecord[]): Promise<CatalogueChange> {
    if (this.#failure !== null) {
      throw new NotWrittenError(this.#failure.message, { cause: this.#failure });
    }
    const batch = recordBatch(records, {
      nowMs: this.#options.clock.nowMs(),
      leaderEpoch: this.#leaderEpoch,
      baseOffset: this.#options.log.logEndOffset,
    });
    if (batch.length > MAX_BATCH_BYTES) {
      throw new TooLargeChangeError(
        `Unable to perform excessively large batch operation: ${records.length} metadata records take ${batch.length} bytes, at most ${MAX_BATCH_BYTES} are allowed at once`,
      );
    }
    await this.#appendWithRoom(batch, records);
    const change = noChange();
    // From the bytes, as a replay will: what the log says and what the image shows cannot differ.
    this.#version = this.#replay.batches(batch, this.#version + 1, change) - 1;
    return change;
  }

  /** Where the disk is full to the last byte a deletion, which is what makes room, has the reserve. */
  async #appendWithRoom(batch: Uint8Array, records: readonly NewRecord[]): Promise<void> {
    const { makeRoom = () => Promise.resolve(false) } = this.#options;
    try {
      await this.#append(batch);
    } catch (error) {
      const isFull = error instanceof NotWrittenError && error.cause instanceof StoreError &&
        error.cause.kind === "noSpace";
      const frees = records.every(({ kind }) => kind === "RemoveTopicRecord");
      if (!isFull || !frees || !await makeRoom()) throw error;
      await this.#append(batch);
    }
  }

  async #append(batch: Uint8Array): Promise<void> {
    const { log, clock } = this.#options, endOffset = log.logEndOffset;
    const { errorCode, durable } = log.append(batch, {
      origin: "controller",
      leaderEpoch: this.#leaderEpoch,
    });
    if (errorCode !== 0) {
      const why = log.offline ?? log.writeFault ?? errorName(errorCode);
      throw new NotWrittenError(`Cannot append to ${FOLDER}: ${why}`);
    }
    try {
      await (durable ?? log.sync());
    } catch (error) {
      if (log.logEndOffset === endOffset) { // it was taken back to the byte
        throw new NotWrittenError((error as Error).message, { cause: error });
      }
      throw this.#failure = error as Error; // what is on the device cannot be known any more
    }
    this.#bytes += batch.length;
    this.#oldestMs ??= clock.nowMs();
  }

  /** Where it fails, what is on the device cannot be known any more, so nothing may follow. */
  async #synced(sync: () => Promise<void>): Promise<void> {
    try {
      await sync();
    } catch (error) {
      throw this.#failure = error as Error;
    }
  }

  async #beginEpoch(): Promise<void> {
    const { store, log, meta, clock } = this.#options;
    const found = readQuorumState(store, FOLDER);
    const dataVersion = found?.dataVersion ?? (this.#replay.kraftVersion === 0 ? 0 : 1);
    const leaderEpoch = Math.max(found?.leaderEpoch ?? 0, log.epochs.latestEpoch, 0) + 1;
    const voters = dataVersion === 0 ? [meta.nodeId] : [];
    await writeQuorumState(store, FOLDER, meta.nodeId, { leaderEpoch, dataVersion, voters });
    this.#leaderEpoch = leaderEpoch;
    await log.lead(leaderEpoch);
    await this.#append(
      leaderChangeBatch({ nowMs: clock.nowMs(), leaderEpoch }, meta.nodeId),
    );
    this.#version = log.logEndOffset - 1;
  }

  #bootstrapFile(): Uint8Array {
    return snapshotFile(INITIAL_FEATURES, { nowMs: this.#options.clock.nowMs(), leaderEpoch: 0 });
  }
}

/** How long a snapshot that failed is not tried again: each takes the whole image. */
const SNAPSHOT_RETRY_MS = 5000;

function checkThatItIsOurs(
  { store, meta }: Pick<MetadataLogOptions, "store" | "meta">,
  replay: Replay,
): void {
  const state = readQuorumState(store, FOLDER);
  const voters = [...state?.voters ?? [], ...replay.voters];
  const { kraftVersion, catalogue } = replay;
  const features = catalogue.features.size > 0
    ? catalogue.features
    : formattedLevels(store, replay);
  const reason = notOurs(catalogue, meta, { voters, kraftVersion, features });
  if (reason !== null) throw new MetadataLogError(`${store.name}/${FOLDER} ${reason}`);
  if (state?.dataVersion === 1 && kraftVersion === 0) {
    throw new MetadataLogError(
      `${store.name}/${FOLDER}/quorum-state has data_version 1, and the log holds no voters (kraft.version 0): ` +
        "move the file away to have it made anew from the log",
    );
  }
}
