/**
 * PartitionCopy: one partition on its way from source to target. Fetching, keeping the progress and sending go on beside
 * each other: what is sent was kept before as where the target's log may end from then on.
 */
import {
  BatchReader,
  type FetchedBatches,
  type PartitionOfTopic,
} from "../../client/batch_reader.ts";
import type { Cluster } from "../../client/cluster.ts";
import { ConnectionError, KafkaError } from "../../client/errors.ts";
import { ExactSender, type PlacedBatch } from "../../client/exact_sender.ts";
import { listOffsets } from "../../client/list_offsets.ts";
import type { Identity } from "../../client/partition_sender.ts";
import { repack, type Repacked, type RepackOptions } from "../../client/repack.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Kept, Ledger } from "./ledger.ts";
import type { MemoryShare } from "./memory_share.ts";
import type { OffsetMap } from "./offset_map.ts";

/** Where it goes from and to, and how far it is. */
export interface OpenedPartition {
  readonly from: PartitionOfTopic;
  readonly to: PartitionOfTopic;
  readonly isMade: boolean;
  readonly identity: Identity;
  readonly map: OffsetMap;
}

/** What all partitions of a copy share. */
export interface CopyTools {
  readonly source: Cluster;
  readonly target: Cluster;
  readonly ledger: Ledger;
  readonly memory: MemoryShare;
  /** To finish what is on its way, and begin nothing. */
  readonly isStopped: () => boolean;
}

export class PartitionCopy {
  readonly opened: OpenedPartition;
  readonly #tools: CopyTools;
  readonly #repack: RepackOptions;
  /** Of the source: everything before it is on its way or there. */
  position: number;
  /** Where the next record is to be at the target. */
  #landing: number;
  #guess = FETCH_BYTES;
  #keptText = "";
  records = 0;
  bytes = 0;
  /** Offsets that the source had deleted before they were copied. */
  lost = 0;

  constructor(opened: OpenedPartition, tools: CopyTools, options: RepackOptions) {
    this.opened = opened;
    this.#tools = tools;
    this.#repack = options;
    this.position = opened.map.last.source;
    this.#landing = opened.map.last.target;
  }

  get name(): string {
    return `${this.opened.from.topic}-${this.opened.from.partition}`;
  }

  /**
   * Copies what comes before `end` at the source. Throws what ends this partition: KafkaError, ConnectionError,
   * TopicGoneError, MisplacedError, CorruptBatchError; and TakenOverError, which ends all.
   */
  async copyTo(end: number, lane: string): Promise<void> {
    const { source, target, memory, isStopped } = this.#tools;
    if (this.position >= end) return;
    using reader = new BatchReader(source, { maxBytes: FETCH_BYTES });
    const { map, to, identity } = this.opened;
    const sender = new ExactSender(target, {
      ...to,
      identity,
      startOffset: map.start.target,
      lane,
    });
    let sending: Promise<void> = Promise.resolve(), next: Promise<Chunk> | null = null;
    let movedAtMs = performance.now();
    try {
      while (this.position < end && !isStopped()) {
        if (next === null) {
          await sending;
          await memory.take(this.#guess);
          next = this.#fetch(reader, this.position, end);
        }
        const chunk: Chunk = await next;
        next = null;
        if (chunk.nextOffset < end && !isStopped() && memory.tryTake(this.#guess)) {
          next = this.#fetch(reader, chunk.nextOffset, end);
          next.catch(() => {}); // it is awaited later
        }
        try {
          for (const batches of windows(this.position, chunk.batches)) {
            const placed = batches.map((one) => this.#place(one));
            await this.#keep();
            await sending;
            sending = this.#send(sender, placed);
            sending.catch(() => {}); // it is awaited later
          }
        } finally {
          const done = sending;
          done.catch(() => {}).finally(() => memory.give(chunk.bytes));
        }
        if (chunk.nextOffset > this.position) movedAtMs = performance.now();
        else if (performance.now() - movedAtMs > STALLED_MS) {
          throw new ConnectionError(
            `Nothing came of ${this.name} for ${STALLED_MS} ms, which is at ${this.position} of ${end}`,
          );
        }
        this.position = chunk.nextOffset;
        map.add({ source: this.position, target: this.#landing });
      }
    } finally {
      next?.then(({ bytes }) => memory.give(bytes), () => {});
      await sending.catch(() => {});
    }
    await sending;
    await this.#keep();
  }

  /** Where it is to be; the map has it from now on. */
  #place({ bytes, count, nextOffset }: Repacked): PlacedBatch {
    const offset = this.#landing;
    this.#landing += count;
    this.opened.map.add({ source: nextOffset, target: this.#landing });
    return { bytes, count, offset };
  }

  async #send(sender: ExactSender, batches: readonly PlacedBatch[]): Promise<void> {
    await sender.send(batches);
    for (const { bytes, count } of batches) {
      this.bytes += bytes.length;
      this.records += count;
    }
    const last = batches[batches.length - 1];
    this.opened.map.reached(last.offset + last.count);
  }

  async #keep(): Promise<void> {
    const { to, map } = this.opened, text = `${map.copied} ${map.last.source}`;
    if (text === this.#keptText) return;
    this.#keptText = text;
    await this.#tools.ledger.write(to.topic, to.partition, keptOf(this.opened));
  }

  /** The memory it is for was taken, as a guess; it is the caller's to give back. */
  async #fetch(reader: BatchReader, position: number, end: number): Promise<Chunk> {
    const guess = this.#guess;
    let bytes = 0;
    try {
      const found = await this.#fetchFrom(reader, position);
      bytes = found.answer.records?.length ?? 0;
      this.#guess = Math.max(FETCH_BYTES, bytes);
      const { batches, nextOffset } = repack(found.answer, found.position, this.#repack);
      // Nothing between here and where committed records end: compaction left a gap there.
      const isGap = bytes === 0 && found.answer.lastStableOffset >= end;
      return { batches, bytes, nextOffset: isGap ? end : nextOffset };
    } catch (error) {
      bytes = 0;
      throw error;
    } finally {
      this.#tools.memory.correct(guess, bytes);
    }
  }

  async #fetchFrom(
    reader: BatchReader,
    position: number,
  ): Promise<{ answer: FetchedBatches; position: number }> {
    const { from } = this.opened;
    for (;;) {
      try {
        return { answer: await reader.fetch(from, position), position };
      } catch (error) {
        const isOut = error instanceof KafkaError && error.code === ErrorCode.OFFSET_OUT_OF_RANGE;
        if (!isOut) throw error;
        const { topic, partition } = from;
        const [start] = await listOffsets(this.#tools.source, [
          { topic, partition, at: "earliest" },
        ]);
        // Behind the end: the source lost records, and what comes there next are others.
        if (start.offset <= position) throw error;
        this.lost += start.offset - position;
        position = start.offset;
      }
    }
  }
}

/** What the ledger is to have of it now. */
export function keptOf({ from, to, isMade, identity, map }: OpenedPartition): Kept {
  return {
    progress: {
      source: { topic: from.topic, id: from.topicId },
      targetId: to.topicId,
      isMade,
      identity,
      points: map.points,
    },
    copied: map.copied,
  };
}

interface Chunk {
  readonly batches: readonly Repacked[];
  readonly nextOffset: number;
  /** What of the memory it holds. */
  readonly bytes: number;
}

/** Batches that are kept as progress together: not too many gaps in each. */
function* windows(position: number, batches: readonly Repacked[]): Generator<readonly Repacked[]> {
  let from = 0, gaps = 0;
  for (let at = 0; at < batches.length; at++) {
    const { nextOffset, count } = batches[at];
    if (nextOffset - position !== count) gaps++;
    position = nextOffset;
    if (gaps < MAX_GAPS) continue;
    yield batches.slice(from, at + 1);
    from = at + 1;
    gaps = 0;
  }
  if (from < batches.length) yield batches.slice(from);
}

/** What a fetch brings, unless one batch is larger. */
const FETCH_BYTES = 2 << 20;
/** Points that progress has ahead of the copy at a time; two windows are on their way. */
const MAX_GAPS = 32;
/** How long a source may say that there is more, and give nothing. */
const STALLED_MS = 60_000;
