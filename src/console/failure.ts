/** ApiFailure: why a request of the console is not answered as it was meant, with the status and body that say so. */
import { KafkaError } from "../client/errors.ts";
import { logger } from "../log.ts";
import { errorName } from "../protocol/errors.ts";
import type { ApiError, ErrorWord } from "./api.ts";

const STATUS: { readonly [word in ErrorWord]: number } = {
  bad_request: 400,
  unauthenticated: 401,
  forbidden: 403,
  read_only: 403,
  not_from_console: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  too_large: 413,
  wrong_host: 421,
  too_many_streams: 429,
  broker_failed: 500,
  starting: 503,
  too_late: 504,
};

export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  readonly word: ErrorWord;
  readonly field: string | null;
  /** Kafka's name of the error. */
  readonly kafka: string | null;

  constructor(
    word: ErrorWord,
    message: string,
    { field = null, kafka = null }: {
      readonly field?: string | null;
      readonly kafka?: string | null;
    } = {},
  ) {
    super(message);
    this.word = word;
    this.field = field;
    this.kafka = kafka;
  }

  get status(): number {
    return STATUS[this.word];
  }

  get body(): ApiError {
    const { word: code, message, kafka, field } = this;
    return { error: { code, message, kafka, field } };
  }
}

/** What an error of a handler is for whoever asked; what went wrong in the broker is for its log alone. */
export function toldOf(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  if (!(error instanceof KafkaError)) {
    log.error("console_failed", { error });
    return new ApiFailure("broker_failed", "the broker failed: its log says why");
  }
  const kafka = errorName(error.code);
  return new ApiFailure(wordOf(kafka), error.message, { kafka });
}

const log = logger("console");

/** By Kafka's name of the error. */
function wordOf(kafka: string): ErrorWord {
  if (kafka.endsWith("AUTHORIZATION_FAILED")) return "forbidden";
  if (NOT_FOUND.has(kafka)) return "not_found";
  if (CONFLICTS.has(kafka)) return "conflict";
  if (TOO_LATE.has(kafka)) return "too_late";
  if (STARTING.has(kafka)) return "starting";
  return kafka === "UNKNOWN_SERVER_ERROR" || kafka === "KAFKA_STORAGE_ERROR"
    ? "broker_failed"
    : "bad_request";
}

const NOT_FOUND = new Set([
  "UNKNOWN_TOPIC_OR_PARTITION",
  "UNKNOWN_TOPIC_ID",
  "GROUP_ID_NOT_FOUND",
  "TRANSACTIONAL_ID_NOT_FOUND",
  "OFFSET_OUT_OF_RANGE",
]);
const CONFLICTS = new Set([
  "TOPIC_ALREADY_EXISTS",
  "NON_EMPTY_GROUP",
  "UNKNOWN_MEMBER_ID",
  "GROUP_SUBSCRIBED_TO_TOPIC",
  "REBALANCE_IN_PROGRESS",
]);
const TOO_LATE = new Set(["REQUEST_TIMED_OUT"]);
const STARTING = new Set([
  "COORDINATOR_NOT_AVAILABLE",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "LEADER_NOT_AVAILABLE",
  "NOT_COORDINATOR",
]);
