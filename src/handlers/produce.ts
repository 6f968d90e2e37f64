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

/** Promises of one request that its reply waits for; appends of one turn mostly share one. */
type Waits = Set<Promise<void>>;

export function produce(options: ProduceOptions): Handler {
  return handler(Produce, { min: 3, max: 13, advertisedMin: 0 }, (request, { apiVersion }) => {
    const { acks } = request;
    const waits: Waits = new Set();
    let failed = false;
    const responses = request.topicData.map(({ name, topicId, partitionData }) => {
      const topic = findTopic(options, name, topicId);
      const partitionResponses = partitionData.map(({ index, records }) => {
        const answer = acks < -1 || acks > 1
          ? { index, errorCode: ErrorCode.INVALID_REQUIRED_ACKS, baseOffset: -1 }
          : typeof topic === "number"
          ? { index, errorCode: topic, baseOffset: -1 }
          : append(options, topic, index, records, apiVersion, request.transactionalId, waits);
        if (answer.errorCode !== ErrorCode.NONE) {
          failed = true;
          options.onError(answer.errorCode!);
        }
        return answer;
      });
      return { name, topicId, partitionResponses };
    });
    return reply({ responses }, acks, failed, waits);
  });
}

function reply(
  response: Response,
  acks: number,
  failed: boolean,
  waits: Waits,
): Answer<Response> | Promise<Answer<Response>> {
  if (acks === 0) return failed ? CLOSE : NO_REPLY;
  if (acks === 1 || waits.size === 0) return response;
  const [first] = waits;
  return (waits.size === 1 ? first : Promise.all(waits)).then(() => response);
}

function append(
  options: ProduceOptions,
  topic: Topic,
  index: number,
  records: Uint8Array | null,
  apiVersion: number,
  transactionalId: string | null,
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
    const { errorCode, errorMessage, recordErrors } = checked;
    return { ...refused(errorCode, errorMessage), recordErrors };
  }
  if (checked.isTransactional && transactionalId === null) {
    return refused(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  }
  const bytes = checked.bytes;
  const appended = log.append(bytes, { origin: "client", leaderEpoch: log.leaderEpoch });
  if (appended.errorCode !== ErrorCode.NONE) return refused(appended.errorCode);
  if (appended.durable !== null) waits.add(appended.durable);
  const meter = options.meter(topic.name);
  meter.bytesIn += bytes.length;
  meter.messagesIn += checked.recordCount;
  const isLogAppendTime = log.config["message.timestamp.type"] === "LogAppendTime";
  return {
    index,
    errorCode: ErrorCode.NONE,
    baseOffset: appended.baseOffset,
    logAppendTimeMs: isLogAppendTime ? nowMs : -1,
    logStartOffset: log.logStartOffset,
  };
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
