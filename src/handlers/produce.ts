/**
 * Produce 3–13 (advertised from 0): appends one record batch per partition.
 *
 * acks=0: no reply; any error ends the connection, the only sign such a producer understands. acks=1: the reply
 * leaves when write(2) has returned. acks=-1: when the flush policy counts the batch as kept (group_commit.ts).
 *
 * Versions: 3 magic 2 only · 5 log start offset · 7 zstd (76 before) · 8 record errors · 13 topics by id.
 * Batches are stored as they came, unless the topic asks for LogAppendTime or a codec of its own.
 *
 * The first batch of a transaction in a partition is admitted by the transaction coordinator (produce_admission.ts); until
 * 10 one outside any transaction is 48, from 11 on 120, and from 12 on the partition is added by it.
 *
 * A batch that decompresses to much more than it is, is checked later, off the event loop. The rest of its request comes
 * after it, and so does what else the connection sent: a producer's batches keep their order. So it is while the
 * coordinator is asked.
 */
import { ZERO_UUID } from "../bytes/uuid.ts";
import type { Turn } from "../background/turn.ts";
import type { Clock } from "../clock.ts";
import type { TopicConfig } from "../config/topic_configs.ts";
import type { TopicMetrics } from "../metrics/metrics.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { Produce } from "../protocol/messages/produce.ts";
import type { Decoded, Encodable, Message } from "../protocol/schema.ts";
import { CompressionType } from "../protocol/records/compression.ts";
import {
  type AcceptedRecords,
  LATER,
  type RefusedRecords,
  validateInPlace,
  type ValidateOptions,
} from "../protocol/records/validate.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import type { Verification } from "../storage/producers/verifications.ts";
import { isInternalTopic } from "../topics/names.ts";
import type { Topic } from "../topics/catalogue.ts";
import {
  type Answer,
  CLOSE,
  type Handler,
  handler,
  NO_REPLY,
  type RequestContext,
} from "./handler.ts";
import { findLog, findTopic, type PartitionLookup } from "./partitions.ts";
import {
  type Admissions,
  type Admitted,
  type Candidate,
  isOfTransaction,
  type ProduceAdmission,
  UNASKED,
} from "./produce_admission.ts";
import { eachOnce, namesTwice, type PartitionData, type TopicData } from "./produce_twice.ts";

export interface ProduceOptions extends PartitionLookup {
  readonly clock: Clock;
  readonly maxBatchBytes: number;
  readonly maxBatchRecords: number;
  readonly maxDecompressedBytes: number;
  /** -1: each codec's own. */
  readonly compressionLevel: number;
  /** Checks a batch that takes long where it holds up nobody. `records` stay as they are until it settles. */
  readonly validateLater: (
    records: Uint8Array | null,
    rules: ValidateOptions,
  ) => Promise<AcceptedRecords | RefusedRecords>;
  readonly turn: Turn;
  /** Without it, transactions are not asked about. */
  readonly admission?: ProduceAdmission;
  readonly meter: (topic: string) => TopicMetrics;
  /** Told of each batch that was not written, by whom and of which topic, as far as that is known. */
  readonly onError: (
    errorCode: number,
    from: RequestContext | null,
    topic: string | null,
  ) => void;
}

type Request = Decoded<Message<(typeof Produce)["request"]["fields"]>>;
type Response = Encodable<Message<(typeof Produce)["response"]["fields"]>>;
type PartitionResponse = Response["responses"] extends readonly (infer T)[] | undefined
  ? T extends { partitionResponses?: readonly (infer P)[] } ? P : never
  : never;

/** What the reply waits for, and the answers that stand or fall with it. Batches of one turn mostly share one. */
type Waits = Map<Promise<void>, PartitionResponse[]>;

export function produce(options: ProduceOptions): Handler {
  return handler(Produce, { min: 3, max: 13, advertisedMin: 0 }, (request, context) => {
    const { acks } = request, { apiVersion, connection } = context;
    const waits: Waits = new Map();
    let failed = false, count = 0;
    /** The batches that are not checked yet, one after the other. */
    let late = null as Promise<void> | null;
    /** What the coordinator says of this request's batches, once one of them needs it. */
    let admissions = null as Promise<Admissions> | null;
    const { transactionalId } = request, { admission } = options;
    const gate = transactionalId !== null && admission?.asksFor(apiVersion) ? admission : null;
    const unasked = gate === null ? undefined : null;
    const topicData: readonly TopicData[] = namesTwice(request.topicData)
      ? eachOnce(request.topicData, apiVersion)
      : request.topicData;
    const responses = topicData.map(({ name, topicId, partitionData }) => {
      const topic = apiVersion >= FIRST_VERSION_WITH_IDS && topicId === ZERO_UUID
        ? ErrorCode.UNKNOWN_TOPIC_ID // no id is not a name
        : findTopic(options, name, topicId);
      const partitionResponses: PartitionResponse[] = [];
      const answer = (one: PartitionData) => {
        const first = admissions === null
          ? attempt(options, topic, one, apiVersion, request, waits, unasked)
          : UNADMITTED;
        if (gate === null || first !== UNADMITTED && !(first instanceof Promise)) {
          return first as PartitionResponse | Promise<PartitionResponse>;
        }
        return whenAdmitted(one.index, first, {
          ask: async () => {
            admissions ??= gate.admitAll(
              candidates(options, topicData),
              transactionalId!,
              apiVersion,
            );
            return (await admissions).get(one);
          },
          again: (verification) =>
            attempt(options, topic, one, apiVersion, request, waits, verification),
        });
      };
      const take = (answer: PartitionResponse, i: number) => {
        const { misframed } = partitionData[i];
        if (misframed) Object.assign(answer, { ...REFUSED, ...misframed });
        if (answer.errorCode !== ErrorCode.NONE) {
          failed = true;
          options.onError(
            answer.errorCode!,
            context,
            typeof topic === "number" ? name : topic.name,
          );
        }
        partitionResponses[i] = answer;
      };
      for (let i = 0; i < partitionData.length; i++) { // no pair for each, as entries() makes
        const one = partitionData[i];
        if (late === null && ++count % BATCHES_A_LOOK === 0 && options.turn.isLong) {
          late = options.turn.next();
        }
        const answered = late === null ? answer(one) : null;
        if (answered !== null && !(answered instanceof Promise)) take(answered, i);
        else {
          late = (late ?? Promise.resolve()).then(async () => {
            if (options.turn.isLong) await options.turn.next();
            take(await (answered ?? answer(one)), i);
          });
        }
      }
      return { name, topicId, partitionResponses };
    });
    if (late === null) return reply(options, { responses }, acks, failed, waits);
    connection.hold(late);
    return late.then(() => reply(options, { responses }, acks, failed, waits));
  });
}

/** How many batches of a request are appended before it is asked whether others should have a turn. */
const BATCHES_A_LOOK = 16;
const FIRST_VERSION_WITH_IDS = 13;
/** A batch is decompressed in place as long as it comes to no more than this many times what it is, and so many bytes. */
const IN_PLACE_RATIO = 8, IN_PLACE_BYTES = 256 << 10;

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
  options.onError(ErrorCode.KAFKA_STORAGE_ERROR, null, null);
}

/** The batch would open a transaction that the coordinator was not asked about. */
const UNADMITTED = Symbol("not admitted");
type Attempt = PartitionResponse | typeof UNADMITTED;

/** Appends a batch that needs it when the coordinator has admitted it. */
async function whenAdmitted(
  index: number,
  first: Attempt | Promise<Attempt>,
  { ask, again }: {
    readonly ask: () => Promise<Admitted | undefined>;
    readonly again: (verification: Verification | null) => Attempt | Promise<Attempt>;
  },
): Promise<PartitionResponse> {
  const attempted = await first;
  if (attempted !== UNADMITTED) return attempted;
  const { errorCode, errorMessage, verification } = await ask() ?? UNASKED;
  if (errorCode !== ErrorCode.NONE) return refused(index, errorCode, errorMessage);
  const last = await again(verification);
  return last === UNADMITTED ? refused(index, ErrorCode.INVALID_TXN_STATE) : last;
}

/** The batches of a request that the coordinator may have to be asked about. */
function* candidates(
  options: ProduceOptions,
  topicData: readonly TopicData[],
): Generator<Candidate> {
  for (const { name, topicId, partitionData } of topicData) {
    const topic = findTopic(options, name, topicId);
    if (typeof topic === "number" || isInternalTopic(topic.name)) continue;
    for (const data of partitionData) {
      if (!isOfTransaction(data.records)) continue;
      const log = () => {
        const found = findLog(options, topic, data.index);
        return typeof found === "number" ? null : found;
      };
      yield { data, topic: topic.name, bytes: data.records, log };
    }
  }
}

function attempt(
  options: ProduceOptions,
  topic: Topic | number,
  { index, records }: PartitionData,
  apiVersion: number,
  request: Request,
  waits: Waits,
  verification: Verification | null | undefined,
): Attempt | Promise<Attempt> {
  if (request.acks < -1 || request.acks > 1) {
    return refused(index, ErrorCode.INVALID_REQUIRED_ACKS);
  }
  if (typeof topic === "number") return refused(index, topic);
  if (isInternalTopic(topic.name)) return refused(index, ErrorCode.INVALID_TOPIC_EXCEPTION);
  const log = findLog(options, topic, index);
  if (typeof log === "number") return refused(index, log);
  const nowMs = options.clock.nowMs();
  const rules = rulesOf(options, log.config, apiVersion, nowMs, records);
  const checked = validateInPlace(records, rules);
  if (checked !== LATER) {
    return appendChecked(options, topic, log, index, checked, request, waits, verification);
  }
  return options.validateLater(records, { ...rules, inPlaceBytes: undefined }).then((checked) => {
    const log = findLog(options, topic, index); // it may have gone
    if (typeof log === "number") return refused(index, log);
    return appendChecked(options, topic, log, index, checked, request, waits, verification);
  });
}

function appendChecked(
  options: ProduceOptions,
  topic: Topic,
  log: PartitionLog,
  index: number,
  checked: AcceptedRecords | RefusedRecords,
  { acks, transactionalId }: Request,
  waits: Waits,
  verification: Verification | null | undefined,
): Attempt {
  if (checked.errorCode !== ErrorCode.NONE) {
    const { errorCode, errorMessage, recordErrors, isMisframed } = checked;
    const start = isMisframed ? null : logStartWith(errorCode, log);
    return { ...refused(index, errorCode, errorMessage), ...start, recordErrors };
  }
  if (checked.isTransactional && transactionalId === null) {
    return refused(index, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  }
  const bytes = checked.bytes;
  const { leaderEpoch } = log;
  const appended = log.append(bytes, { origin: "client", leaderEpoch, verification });
  if (appended.errorCode !== ErrorCode.NONE) {
    if (verification === null && checked.isTransactional) {
      if (appended.errorCode === ErrorCode.INVALID_TXN_STATE) return UNADMITTED;
    }
    return { ...refused(index, appended.errorCode), ...logStartWith(appended.errorCode, log) };
  }
  const meter = options.meter(topic.name);
  meter.bytesIn += bytes.length;
  meter.messagesIn += checked.recordCount;
  const isLogAppendTime = log.config["message.timestamp.type"] === "LogAppendTime";
  const answer = {
    index,
    errorCode: ErrorCode.NONE,
    baseOffset: appended.baseOffset,
    // Of a batch that comes a second time Kafka tells when it was written first, whoever stamped it.
    logAppendTimeMs: appended.knownTimestampMs ?? (isLogAppendTime ? checked.maxTimestampMs : -1),
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

function refused(
  index: number,
  errorCode: number,
  errorMessage: string | null = null,
): PartitionResponse {
  return { index, errorCode, baseOffset: -1, errorMessage };
}

/** What a batch must be for this topic. */
function rulesOf(
  options: ProduceOptions,
  config: TopicConfig,
  apiVersion: number,
  nowMs: number,
  records: Uint8Array | null,
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
    inPlaceBytes: IN_PLACE_BYTES + IN_PLACE_RATIO * (records?.length ?? 0),
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
