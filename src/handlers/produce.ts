/**
 * Produce 3–13 (advertised from 0): appends one record batch per partition.
 *
 * acks=0: no reply; any error ends the connection, the only sign such a producer understands. acks=1: the reply
 * leaves when write(2) has returned. acks=-1: when the flush policy counts the batch as kept (group_commit.ts).
 *
 * Versions: 3 magic 2 only · 5 log start offset · 7 zstd (76 before) · 8 record errors · 13 topics by id.
 * Batches are stored as they came, unless the topic asks for LogAppendTime or a codec of its own.
 */
import type { Clock } from "../clock.ts";
import type { TopicConfig } from "../config/topic_configs.ts";
import type { TopicMetrics } from "../metrics/metrics.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { Produce } from "../protocol/messages/produce.ts";
import type { Decoded, Encodable, Message } from "../protocol/schema.ts";
import { CompressionType } from "../protocol/records/compression.ts";
import { type ValidateOptions, validateRecords } from "../protocol/records/validate.ts";
import { isInternalTopic } from "../topics/names.ts";
import type { Topic } from "../topics/catalogue.ts";
import { type Answer, CLOSE, type Handler, handler, NO_REPLY } from "./handler.ts";
import { findLog, findTopic, type PartitionLookup } from "./partitions.ts";
import { eachOnce, namesTwice, type TopicData } from "./produce_twice.ts";

export interface ProduceOptions extends PartitionLookup {
  readonly clock: Clock;
  readonly maxBatchBytes: number;
  readonly maxBatchRecords: number;
  readonly maxDecompressedBytes: number;
  /** -1: each codec's own. */
  readonly compressionLevel: number;
  readonly meter: (topic: string) => TopicMetrics;
  readonly onError: (errorCode: number) => void;
}

type Request = Decoded<Message<(typeof Produce)["request"]["fields"]>>;
type Response = Encodable<Message<(typeof Produce)["response"]["fields"]>>;
type PartitionResponse = Response["responses"] extends readonly (infer T)[] | undefined
  ? T extends { partitionResponses?: readonly (infer P)[] } ? P : never
  : never;

/** What the reply waits for, and the answers that stand or fall with it. Batches of one turn mostly share one. */
type Waits = Map<Promise<void>, PartitionResponse[]>;

export function produce(options: ProduceOptions): Handler {
  return handler(Produce, { min: 3, max: 13, advertisedMin: 0 }, (request, { apiVersion }) => {
    const { acks } = request;
    const waits: Waits = new Map();
    let failed = false;
    const topicData: readonly TopicData[] = namesTwice(request.topicData)
      ? eachOnce(request.topicData, apiVersion)
      : request.topicData;
    const responses = topicData.map(({ name, topicId, partitionData }) => {
      const topic = findTopic(options, name, topicId);
      const partitionResponses = partitionData.map(({ index, records, misframed }) => {
        const answer = acks < -1 || acks > 1
          ? { index, errorCode: ErrorCode.INVALID_REQUIRED_ACKS, baseOffset: -1 }
          : typeof topic === "number"
          ? { index, errorCode: topic, baseOffset: -1 }
          : append(options, topic, index, records, apiVersion, request, waits);
        if (misframed) Object.assign(answer, { ...REFUSED, ...misframed });
        if (answer.errorCode !== ErrorCode.NONE) {
          failed = true;
          options.onError(answer.errorCode!);
        }
        return answer;
      });
      return { name, topicId, partitionResponses };
    });
    return reply(options, { responses }, acks, failed, waits);
  });
}

function reply(
  options: ProduceOptions,
  response: Response,
  acks: number,
  failed: boolean,
  waits: Waits,
): Answer<Response> | Promise<Answer<Response>> {
  const answer = (isRefused: boolean) => acks !== 0 ? response : isRefused ? CLOSE : NO_REPLY;
  if (waits.size === 0 || failed && acks === 0) return answer(failed);
  const settled = [...waits].map(([kept, answers]) =>
    kept.then(() => false, () => {
      for (const one of answers) takeBack(options, one);
      return true;
    })
  );
  if (settled.length === 1) return settled[0].then(answer);
  return Promise.all(settled).then((refusals) => answer(refusals.includes(true)));
}

const REFUSED = { baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 };

/** The batch could not be written after all. */
function takeBack(options: ProduceOptions, answer: PartitionResponse): void {
  Object.assign(answer, { ...REFUSED, errorCode: ErrorCode.KAFKA_STORAGE_ERROR });
  options.onError(ErrorCode.KAFKA_STORAGE_ERROR);
}

function append(
  options: ProduceOptions,
  topic: Topic,
  index: number,
  records: Uint8Array | null,
  apiVersion: number,
  { acks, transactionalId }: Request,
  waits: Waits,
): PartitionResponse {
  const refused = (errorCode: number, errorMessage: string | null = null) => ({
    index,
    errorCode,
    baseOffset: -1,
    errorMessage,
  });
  if (isInternalTopic(topic.name)) return refused(ErrorCode.INVALID_TOPIC_EXCEPTION);
  const log = findLog(options, topic, index);
  if (typeof log === "number") return refused(log);
  const nowMs = options.clock.nowMs();
  const checked = validateRecords(records, rulesOf(options, log.config, apiVersion, nowMs));
  if (checked.errorCode !== ErrorCode.NONE) {
    const { errorCode, errorMessage, recordErrors, isMisframed } = checked;
    const start = isMisframed ? null : logStartWith(errorCode, log);
    return { ...refused(errorCode, errorMessage), ...start, recordErrors };
  }
  if (checked.isTransactional && transactionalId === null) {
    return refused(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  }
  const bytes = checked.bytes;
  const appended = log.append(bytes, { origin: "client", leaderEpoch: log.leaderEpoch });
  if (appended.errorCode !== ErrorCode.NONE) {
    return { ...refused(appended.errorCode), ...logStartWith(appended.errorCode, log) };
  }
  const meter = options.meter(topic.name);
  meter.bytesIn += bytes.length;
  meter.messagesIn += checked.recordCount;
  const isLogAppendTime = log.config["message.timestamp.type"] === "LogAppendTime";
  const answer = {
    index,
    errorCode: ErrorCode.NONE,
    baseOffset: appended.baseOffset,
    logAppendTimeMs: isLogAppendTime ? nowMs : -1,
    logStartOffset: log.logStartOffset,
  };
  const kept = acks === -1 ? appended.durable : appended.written;
  const others = waits.get(kept);
  if (others === undefined) waits.set(kept, [answer]);
  else others.push(answer);
  return answer;
}

/** A refusal says where the log begins, but for these (ReplicaManager.appendRecordsToLeader). */
function logStartWith(
  errorCode: number,
  { logStartOffset }: { readonly logStartOffset: number },
): { logStartOffset: number } | null {
  switch (errorCode) {
    case ErrorCode.CORRUPT_MESSAGE:
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.FENCED_LEADER_EPOCH:
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.KAFKA_STORAGE_ERROR:
    case ErrorCode.UNSUPPORTED_COMPRESSION_TYPE:
    case ErrorCode.UNKNOWN_TOPIC_ID:
      return null;
    default:
      return { logStartOffset };
  }
}

/** What a batch must be for this topic. */
function rulesOf(
  options: ProduceOptions,
  config: TopicConfig,
  apiVersion: number,
  nowMs: number,
): ValidateOptions {
  const codec = config["compression.type"];
  return {
    apiVersion,
    nowMs,
    maxMessageBytes: Math.min(config["max.message.bytes"], options.maxBatchBytes),
    maxBatchRecords: options.maxBatchRecords,
    maxDecompressedBytes: options.maxDecompressedBytes,
    maxRecordBytes: config["max.decompressed.message.bytes"],
    compression: codec === "producer"
      ? "producer"
      : codec === "uncompressed"
      ? CompressionType.none
      : CompressionType[codec],
    compressionLevel: levelOf(options, config),
    isCompacted: config["cleanup.policy"].includes("compact"),
    isLogAppendTime: config["message.timestamp.type"] === "LogAppendTime",
    timestampBeforeMaxMs: config["message.timestamp.before.max.ms"],
    timestampAfterMaxMs: config["message.timestamp.after.max.ms"],
  };
}

/** The level to recompress at: the topic's own, else the broker's, else (undefined) the codec's. */
function levelOf(options: ProduceOptions, config: TopicConfig): number | undefined {
  const codec = config["compression.type"];
  if (codec !== "gzip" && codec !== "zstd") return undefined;
  const ofTopic = config[`compression.${codec}.level`];
  if (ofTopic !== DEFAULT_LEVEL[codec]) return ofTopic;
  if (options.compressionLevel < 0) return undefined;
  return Math.min(options.compressionLevel, HIGHEST_LEVEL[codec]);
}

const DEFAULT_LEVEL = { gzip: -1, zstd: 3 };
const HIGHEST_LEVEL = { gzip: 9, zstd: 22 };
