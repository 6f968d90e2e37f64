/**
 * ListOffsets 1–11: offsets by time, and the special ones.
 *
 * | timestamp | asks for | since |
 * |---|---|---|
 * | ≥ 0 | the first record with at least this timestamp, exact to the record | 1 |
 * | -1 | the high watermark; under read_committed the last stable offset | 1 |
 * | -2 | the log start | 1 |
 * | -3 | the record with the largest timestamp (KIP-734) | 7 |
 * | -4 | the start of what is local: the log start, as there is no other tier (KIP-405) | 8 |
 * | -5 | the last offset in remote storage: none, -1 (KIP-1005) | 9 |
 * | -6 | the first offset not uploaded yet: none, -1 (KIP-1023) | 11 |
 *
 * Timestamps are compared exactly, also where numbers are not; the answer shows 2^53 - 1 at most.
 *
 * A special timestamp before its version, or an unknown one, is 35; a partition named twice is 42. What lies beyond
 * what the isolation level shows is not found (-1).
 */
import type { Paced } from "../background/paced.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { ListOffsets } from "../protocol/messages/list_offsets.ts";
import type { Decoded, Message } from "../protocol/schema.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import { findByAnyTimestamp } from "../storage/log/exact_time.ts";
import { findLargestTimestamp, type FoundRecord } from "../storage/log/time_search.ts";
import { type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";
import { epochError, findLog, findTopic, type PartitionLookup, readError } from "./partitions.ts";

export interface ListOffsetsOptions extends PartitionLookup {
  /** Bytes a compressed batch may grow to while it is searched. */
  readonly maxDecompressedBytes: number;
  /** Searches by time may decompress much: they are done one at a time, and give way to others. */
  readonly paced: Paced;
  readonly answers: LongAnswers;
}

interface Found {
  readonly errorCode?: number;
  readonly timestamp?: number;
  readonly offset?: number;
  readonly leaderEpoch?: number;
}

type Request = Decoded<Message<(typeof ListOffsets)["request"]["fields"]>>;
type Partition = Request["topics"][number]["partitions"][number];

export function listOffsets(options: ListOffsetsOptions): Handler {
  return handler(ListOffsets, { min: 1, max: 11 }, (request, { apiVersion, connection }) => {
    const twice = new NamedTwice(request.topics);
    const isCommitted = request.isolationLevel === READ_COMMITTED;
    const answer = (name: string, { partitionIndex, currentLeaderEpoch, timestamp }: Partition) => {
      const refused = (errorCode: number) => ({ partitionIndex, errorCode });
      if (twice.has(name, partitionIndex)) return refused(ErrorCode.INVALID_REQUEST);
      if (timestamp < 0 && !(apiVersion >= SINCE[-Number(timestamp)])) {
        return refused(ErrorCode.UNSUPPORTED_VERSION);
      }
      const topic = findTopic(options, name, ZERO_UUID);
      const log = typeof topic === "number" ? topic : findLog(options, topic, partitionIndex);
      if (typeof log === "number") return refused(log);
      const epochCode = epochError(log, currentLeaderEpoch);
      if (epochCode !== ErrorCode.NONE) return refused(epochCode);
      const { leaderEpoch, ...found } = findSound(options, log, timestamp, isCommitted);
      return { partitionIndex, ...found, ...apiVersion >= 4 && { leaderEpoch } };
    };
    const searches = request.topics.some(({ partitions }) => partitions.some(isSearch));
    if (searches) return answerPaced(options.paced, request, answer);
    const items = request.topics.flatMap(({ name, partitions }) =>
      partitions.map((partition) => ({ name, partition }))
    );
    return options.answers.of({
      items,
      part: ({ name, partition }) => answer(name, partition),
      // Never, as a part takes no more than what asks for it; and if it did, this would be the answer.
      tooLong: ({ partition: { partitionIndex } }) => ({
        partitionIndex,
        errorCode: ErrorCode.INVALID_REQUEST,
      }),
      whole: (parts) => {
        let from = 0;
        return {
          topics: request.topics.map(({ name, partitions: { length } }) => ({
            name,
            partitions: parts.slice(from, from += length),
          })),
        };
      },
      connection,
    });
  });
}

async function answerPaced<T>(
  paced: Paced,
  { topics }: Request,
  answer: (name: string, partition: Partition) => T,
) {
  const answers: { name: string; partitions: T[] }[] = [];
  for (const { name, partitions } of topics) {
    const found: T[] = [];
    for (const one of partitions) found.push(await paced.run(() => answer(name, one)));
    answers.push({ name, partitions: found });
  }
  return { topics: answers };
}

/** Whether batches have to be read for it. */
function isSearch({ timestamp }: Partition): boolean {
  return timestamp >= 0 || timestamp === -3n;
}

/** The version that knows timestamp -1, -2, …; by their absolute value. */
const SINCE = [0, 1, 1, 7, 8, 9, 11];
const READ_COMMITTED = 1;

/** Where damage may hide the answer there is none: 2, CORRUPT_MESSAGE; where the store fails 56. */
function findSound(
  options: ListOffsetsOptions,
  log: PartitionLog,
  timestamp: bigint,
  isCommitted: boolean,
): Found {
  try {
    return find(options, log, timestamp, isCommitted);
  } catch (error) {
    return { errorCode: readError(error) };
  }
}

function find(
  options: ListOffsetsOptions,
  log: PartitionLog,
  timestamp: bigint,
  isCommitted: boolean,
): Found {
  const end = isCommitted ? log.lastStableOffset : log.highWatermark;
  switch (Number(timestamp)) {
    case -1:
      return { offset: end, leaderEpoch: log.epochs.latestEpoch };
    case -2:
    case -4:
      return { offset: log.logStartOffset, leaderEpoch: log.epochs.epochFor(log.logStartOffset) };
    case -3:
      return shown(findLargestTimestamp(log, options.maxDecompressedBytes), log, end);
    case -5:
    case -6:
      return {};
    default:
      return shown(findByAnyTimestamp(log, timestamp, options.maxDecompressedBytes), log, end);
  }
}

function shown(found: FoundRecord | null, log: PartitionLog, end: number): Found {
  if (found === null || found.offset >= end) return {};
  const { offset, timestampMs } = found;
  return { offset, timestamp: timestampMs, leaderEpoch: log.epochs.epochFor(offset) };
}

/** The partitions that a request names more than once. */
class NamedTwice {
  readonly #seen = new Map<string, Map<number, boolean>>();

  constructor(
    topics: readonly { name: string; partitions: readonly { partitionIndex: number }[] }[],
  ) {
    for (const { name, partitions } of topics) {
      const seen = this.#seen.get(name) ?? new Map<number, boolean>();
      this.#seen.set(name, seen);
      for (const { partitionIndex } of partitions) {
        seen.set(partitionIndex, seen.has(partitionIndex));
      }
    }
  }

  has(name: string, partitionIndex: number): boolean {
    return this.#seen.get(name)?.get(partitionIndex) === true;
  }
}
