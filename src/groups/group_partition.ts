/**
 * GroupPartition: the groups that one partition of `__consumer_offsets` keeps, and the only way to write about them.
 *
 * Facts are appended as one batch and then applied, in one turn, so that memory never runs ahead of the log. What an
 * append promised is kept only when `whenKept` says so: no answer that shows state may leave before.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import * as batch from "../protocol/records/batch.ts";
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

/** What is needed of a partition's log. */
export type GroupLog =
  & Pick<PartitionLog, "append" | "read" | "logStartOffset" | "logEndOffset" | "offline">
  & { readonly topicId: Uuid; readonly config: { readonly "max.message.bytes": number } };

/** What was promised could not be written. Nothing is answered then: the client asks again on another connection. */
export class LogLostError extends Error {
  override readonly name = "LogLostError";
  constructor() {
    super("Cannot answer: the log could not take what the answer rests on");
  }
}

export class GroupPartition {
  readonly index: number;
  readonly leaderEpoch: number;
  readonly groups = new Map<string, Group>();
  readonly pending = new PendingOffsets();
  /** False until the log has been read: nothing is known before. */
  isLoaded = false;
  readonly #log: GroupLog;
  readonly #onLost: (error: unknown) => void;
  #kept: Promise<void> | null = null;

  /** `onLost` hears that something applied already could not be written: the state is ahead of its log then. */
  constructor(
    index: number,
    log: GroupLog,
    leaderEpoch: number,
    onLost: (error: unknown) => void = () => {},
  ) {
    this.index = index;
    this.#log = log;
    this.leaderEpoch = leaderEpoch;
    this.#onLost = onLost;
  }

  /** The topic's id: another one means that the topic was made anew. */
  get topicId(): Uuid {
    return this.#log.topicId;
  }

  /**
   * Reads the log to its end, giving way to others between chunks. `give` takes a chunk's memory back. Throws for
   * records that cannot be read.
   */
  async load(give: (chunk: Uint8Array) => void): Promise<void> {
    const log = this.#log, end = log.logEndOffset;
    for (let from = log.logStartOffset; from < end;) {
      const chunk = log.read(from, { maxBytes: LOAD_CHUNK_BYTES, bound: "leo", minOneBatch: true });
      if (chunk === null) break;
      const next = this.#replay(chunk, from);
      give(chunk);
      if (next <= from) break; // compaction removed the records at the end
      from = next;
      if (from < end) await new Promise((resolve) => setTimeout(resolve));
    }
    for (const [id, group] of this.groups) if (isVoid(group)) this.groups.delete(id);
    this.isLoaded = true;
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

  /** Appends the facts; the caller applies them before it awaits anything. */
  append(groupId: string, facts: readonly LogFact[], wallMs: number): number {
    if (facts.length === 0) return ErrorCode.NONE;
    const bytes = buildBatch({ records: facts.map((fact) => encodeFact(groupId, fact, wallMs)) });
    if (bytes.length > this.#log.config["max.message.bytes"]) return ErrorCode.MESSAGE_TOO_LARGE;
    const { errorCode, durable } = this.#log.append(bytes, {
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

  #await(durable: Promise<void>): void {
    this.#kept = durable; // acknowledgements come in order, so the last stands for all before
    durable.then(() => {
      if (this.#kept === durable) this.#kept = null;
    }, this.#onLost);
  }

  /** Returns the offset behind the last batch of the chunk. */
  #replay(chunk: Uint8Array, from: number): number {
    let next = from;
    for (const at of batch.batches(chunk)) {
      next = batch.lastOffset(chunk, at) + 1;
      for (const { offset, key, value, timestampMs } of readRecords(chunk, at)) {
        if (offset < from || key === null) continue;
        if (batch.isControl(chunk, at)) {
          this.#replayMarker(batch.producerId(chunk, at), { key, value });
        } else this.#replayRecord(key, value, { timestampMs, producerId: pendingOf(chunk, at) });
      }
    }
    return next;
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

const LOAD_CHUNK_BYTES = 1 << 20;
