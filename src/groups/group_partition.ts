/**
 * GroupPartition: the groups that one partition of `__consumer_offsets` keeps, and the only way to write about them.
 *
 * Facts are appended as one batch and then applied, in one turn, so that memory never runs ahead of the log. What an
 * append promised is kept only when `whenKept` says so: no answer that shows state may leave before.
 *
 * What is read becomes state, so every batch is checked (BatchChain), the last one must end where the log does, and a
 * record that cannot be understood is a failure: there is the whole state or none.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import * as batch from "../protocol/records/batch.ts";
import { BatchChain } from "../protocol/records/batch_chain.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { readEndTxn } from "../protocol/records/control_record.ts";
import { readRecords } from "../protocol/records/record.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import {
  applyLogFact,
  type Group,
  isVoid,
  type LogFact,
  newGroup,
  replayLogFact,
} from "./group.ts";
import { decodeFact, encodeFact } from "./group_records.ts";
import { PendingOffsets } from "./pending_offsets.ts";
import { RecordTimes } from "./record_times.ts";

/** What is needed of a partition's log. */
export type GroupLog =
  & Pick<PartitionLog, "append" | "logStartOffset" | "logEndOffset" | "offline">
  & {
    readonly topicId: Uuid;
    readonly config: { readonly "max.message.bytes": number };
    /** The last of them is empty when it begins at the log's end. */
    readonly segments?: readonly { readonly baseOffset: number }[];
    /** Whole batches; null when there is nothing from there on. */
    read(
      from: number,
      options: { maxBytes: number; bound: "leo"; minOneBatch: boolean },
    ): Uint8Array | null | Promise<Uint8Array | null>;
  };

/** Which groups an older Runnel put into another partition than Kafka would. */
export interface GroupPlaces {
  /** Whether records of the group may be in two partitions. */
  isMoving(groupId: string): boolean;
  /** Whether this partition has it by the older rule alone. */
  isMisplaced(groupId: string, index: number): boolean;
}

/** Nothing was ever elsewhere. */
const RIGHT_PLACES: GroupPlaces = { isMoving: () => false, isMisplaced: () => false };

export class GroupPartition {
  readonly index: number;
  readonly leaderEpoch: number;
  readonly groups = new Map<string, Group>();
  /** Found in the log, and to be moved to another partition (see group_mover.ts); nobody is answered from them. */
  readonly misplaced = new Map<string, Group>();
  readonly pending = new PendingOffsets();
  /** Of groups that may have records in two partitions; until it is known that they do not. */
  readonly times: RecordTimes;
  readonly #places: GroupPlaces;
  readonly #onLost: (error: unknown) => void;
  #state: "loading" | "active" | "failed" = "loading";
  #failure: string | null = null;
  #log: GroupLog | null;
  #kept: Promise<void> | null = null;

  /**
   * The log may be null while it is still being opened. `onLost` hears that something applied already could not be written: the
   * state is ahead of its log then.
   */
  constructor(
    index: number,
    log: GroupLog | null,
    leaderEpoch: number,
    onLost: (error: unknown) => void = () => {},
    places: GroupPlaces = RIGHT_PLACES,
  ) {
    this.index = index;
    this.#places = places;
    this.times = new RecordTimes((groupId) => places.isMoving(groupId));
    this.#log = log;
    this.leaderEpoch = leaderEpoch;
    this.#onLost = onLost;
  }

  /** Only an active one knows anything. */
  get state(): "loading" | "active" | "failed" {
    return this.#state;
  }

  /** Why it has failed; null when it has not. */
  get failure(): string | null {
    return this.#failure;
  }

  /** The topic's id, once the log is there: another one means that the topic was made anew. */
  get topicId(): Uuid | null {
    return this.#log?.topicId ?? null;
  }

  /** Takes back what was read of a log that could not be read to its end. */
  fail(reason: string): void {
    this.#state = "failed";
    this.#failure = reason;
    this.#forget();
  }

  /**
   * Reads the log to its end and becomes active, giving way to others between chunks. `give` takes a chunk's memory
   * back; when `goOn` says no it stops and stays as it is. Throws for what is damaged or not understood; then fail()
   * is to be called.
   */
  async load(
    give: (chunk: Uint8Array) => void,
    { log = this.#log, goOn = () => true }: {
      readonly log?: GroupLog | null;
      readonly goOn?: () => boolean;
    } = {},
  ): Promise<void> {
    if (log === null) throw new Error("There is no log yet");
    this.#log = log;
    this.#forget();
    const end = log.logEndOffset, start = log.logStartOffset;
    const chain = new BatchChain({ nextOffset: 0, mayHaveGaps: true });
    let known: Known | null = null, isFromKnown = true;
    for (let next = start; next < end;) {
      if (log.offline !== null) throw new Error(log.offline);
      // From the last batch known on: one whose offset was damaged would be passed over as older than `next`.
      const overlap: Known | null = isFromKnown ? known : null;
      const from = overlap === null ? next : next - 1;
      const maxBytes = READ_BYTES + (overlap?.sizeBytes ?? 0);
      const chunk = await log.read(from, { maxBytes, bound: "leo", minOneBatch: true });
      if (!goOn()) return;
      if (chunk === null) break;
      try {
        known = this.#replay(chunk, { chain, overlap, start, end }) ?? known;
      } finally {
        give(chunk);
      }
      if (chain.nextOffset <= next && overlap === null) break;
      isFromKnown = chain.nextOffset > next; // else the next one is so large that it has to come alone
      next = Math.max(next, chain.nextOffset);
      if (next < end) await new Promise((resolve) => setTimeout(resolve));
      if (!goOn()) return;
    }
    if (log.offline !== null) throw new Error(log.offline);
    this.#mustEnd(log, Math.max(chain.nextOffset, start), end);
    for (const [id, group] of this.groups) {
      if (isVoid(group)) this.groups.delete(id);
      else if (this.#places.isMisplaced(id, this.index)) {
        this.groups.delete(id);
        this.misplaced.set(id, group);
      }
    }
    this.#state = "active";
    this.#failure = null;
  }

  /** Appends the facts and makes them true; otherwise, with an error code, nothing has happened. */
  commit(group: Group, facts: readonly LogFact[], wallMs: number): number {
    const errorCode = this.append(group.id, facts, wallMs);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    for (const fact of facts) {
      if (fact.kind === "committed" || fact.kind === "offsetGone") {
        this.pending.supersede(group.id, fact);
      }
      applyLogFact(group, fact);
    }
    return ErrorCode.NONE;
  }

  /** The same for a group that may not exist yet; it comes to be only if the log takes the facts. */
  commitTo(groupId: string, facts: readonly LogFact[], wallMs: number): number {
    const group = this.groups.get(groupId) ?? newGroup(groupId, wallMs);
    const errorCode = this.commit(group, facts, wallMs);
    if (errorCode === ErrorCode.NONE && !isVoid(group)) this.groups.set(groupId, group);
    return errorCode;
  }

  /** The same as commit() in as many batches as their size needs. With an error code, those before it have happened. */
  commitAll(group: Group, facts: readonly LogFact[], wallMs: number): number {
    for (const some of this.#batches(group.id, facts)) {
      const errorCode = this.commit(group, some, wallMs);
      if (errorCode !== ErrorCode.NONE) return errorCode;
    }
    return ErrorCode.NONE;
  }

  /** Appends the facts; the caller applies them before it awaits anything. */
  append(groupId: string, facts: readonly LogFact[], wallMs: number): number {
    if (facts.length === 0) return ErrorCode.NONE;
    const log = this.#log;
    if (log === null || this.#state !== "active") return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    const bytes = buildBatch({ records: facts.map((fact) => encodeFact(groupId, fact, wallMs)) });
    if (bytes.length > log.config["max.message.bytes"]) return ErrorCode.MESSAGE_TOO_LARGE;
    const { errorCode, durable } = log.append(bytes, {
      origin: "coordinator",
      leaderEpoch: this.leaderEpoch,
    });
    if (errorCode === ErrorCode.NONE) this.#await(durable);
    return errorCode;
  }

  /** Calls back once everything appended so far is kept: at once where nothing is on its way. Or once it is lost. */
  whenKept(then: () => void, orLost: () => void): void {
    if (this.#kept === null) then();
    else this.#kept.then(then, orLost);
  }

  /** Every group of which the log has records, those that are to be moved too. */
  *everyGroup(): Generator<Group> {
    yield* this.groups.values();
    yield* this.misplaced.values();
  }

  /** A group that has had nothing said of it yet comes to be. */
  groupOrNew(id: string, wallMs: number): Group {
    let group = this.groups.get(id);
    if (group === undefined) this.groups.set(id, group = newGroup(id, wallMs));
    return group;
  }

  /** Forgets a group that holds nothing. */
  forgetIfVoid(group: Group): void {
    if (isVoid(group)) this.groups.delete(group.id);
  }

  *#batches(groupId: string, facts: readonly LogFact[]): Generator<LogFact[]> {
    const maxBytes = (this.#log?.config["max.message.bytes"] ?? 0) - BATCH_HEADER_BYTES;
    let some: LogFact[] = [], bytes = 0;
    for (const fact of facts) {
      const { key, value } = encodeFact(groupId, fact, 0);
      const size = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
      if (some.length === MAX_BATCH_FACTS || some.length > 0 && bytes + size > maxBytes) {
        yield some;
        some = [], bytes = 0;
      }
      some.push(fact);
      bytes += size;
    }
    if (some.length > 0) yield some;
  }

  #await(durable: Promise<void>): void {
    this.#kept = durable; // acknowledgements come in order, so the last stands for all before
    durable.then(() => {
      if (this.#kept === durable) this.#kept = null;
    }, this.#onLost);
  }

  #forget(): void {
    this.groups.clear();
    this.misplaced.clear();
    this.times.clear();
    this.pending.clear();
  }

  /** Takes in what the chunk holds behind the batch that is known, with which it may begin; the last one taken. */
  #replay(
    chunk: Uint8Array,
    { chain, overlap, start, end }: {
      chain: BatchChain;
      overlap: Known | null;
      start: number;
      end: number;
    },
  ): Known | null {
    let last: Known | null = null;
    for (let at = 0; at < chunk.length; at += batch.sizeInBytes(chunk, at)) {
      if (at === 0 && overlap !== null && isKnown(chunk, overlap)) continue;
      const problem = chain.problem(chunk, at) ?? outOfBounds(chunk, at, { start, end });
      if (problem !== null) {
        throw new Error(`The batch at offset ${Math.max(chain.nextOffset, start)} ${problem}`);
      }
      chain.take(chunk, at);
      this.#replayBatch(chunk, at, start);
      last = { crc: batch.crc(chunk, at), sizeBytes: batch.sizeInBytes(chunk, at) };
    }
    return last;
  }

  #replayBatch(chunk: Uint8Array, at: number, start: number): void {
    for (const { offset, key, value, timestampMs } of readRecords(chunk, at)) {
      if (offset < start || key === null) continue;
      try {
        if (batch.isControl(chunk, at)) {
          this.#replayMarker(batch.producerId(chunk, at), { key, value });
        } else this.#replayRecord(key, value, { timestampMs, producerId: pendingOf(chunk, at) });
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`The record at offset ${offset} cannot be understood: ${why}`, { cause });
      }
    }
  }

  /** Only where the active segment is empty may compaction have taken the last batches. */
  #mustEnd({ segments = [] }: GroupLog, read: number, end: number): void {
    if (read === end || segments.at(-1)?.baseOffset === end) return;
    throw new Error(`There is no batch at offset ${read}, and the log ends at ${end}`);
  }

  #replayRecord(
    key: Uint8Array,
    value: Uint8Array | null,
    { timestampMs, producerId }: { timestampMs: number; producerId: number | null },
  ): void {
    const decoded = decodeFact(key, value);
    if (decoded === null) return;
    const { groupId, fact } = decoded;
    if (producerId !== null && fact.kind === "committed") {
      return this.pending.add(producerId, { groupId, fact });
    }
    this.times.note(groupId, fact, timestampMs);
    if (fact.kind === "committed" || fact.kind === "offsetGone") {
      this.pending.supersede(groupId, fact);
    }
    replayLogFact(this.groupOrNew(groupId, timestampMs), fact);
  }

  #replayMarker(producerId: number, record: { key: Uint8Array; value: Uint8Array | null }): void {
    const marker = readEndTxn(record);
    if (marker === null) return;
    for (const { groupId, fact } of this.pending.end(producerId)) {
      if (!marker.isCommit) continue;
      applyLogFact(this.groupOrNew(groupId, fact.committed.commitTimestampMs), fact);
    }
  }
}

/** The producer whose transaction a batch belongs to, or null when its records count at once. */
function pendingOf(chunk: Uint8Array, at: number): number | null {
  return batch.isTransactional(chunk, at) ? batch.producerId(chunk, at) : null;
}

/** A batch that is wholly before or behind the log cannot be where it lies. */
function outOfBounds(
  chunk: Uint8Array,
  at: number,
  { start, end }: { start: number; end: number },
): string | null {
  const last = batch.lastOffset(chunk, at);
  return last >= start && last < end
    ? null
    : `ends at offset ${last}, and the log goes from ${start} to ${end}`;
}

const READ_BYTES = 1 << 20;
const BATCH_HEADER_BYTES = 61;
/** Lengths, deltas and attributes of one record at their largest. */
const RECORD_OVERHEAD_BYTES = 32;
const MAX_BATCH_FACTS = 1000;

/** A batch by what it holds. */
interface Known {
  readonly crc: number;
  readonly sizeBytes: number;
}

function isKnown(chunk: Uint8Array, { crc, sizeBytes }: Known): boolean {
  return batch.endOf(chunk, 0) === sizeBytes && batch.crc(chunk) === crc;
}
