/**
 * Which errors of authorization an answer has, wherever Kafka puts them: looked for only where something was refused on the
 * way, since not everything that is refused is a denial (what a listing leaves out is none).
 */
import { ErrorCode } from "../protocol/errors.ts";

const DENIALS: ReadonlySet<number> = new Set([
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  ErrorCode.GROUP_AUTHORIZATION_FAILED,
  ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED,
]);

/** Whether a code says that something was not allowed. */
export function isDenial(errorCode: number | null): boolean {
  return errorCode !== null && DENIALS.has(errorCode);
}

/** Whether an answer says of all that was asked that it was not allowed. */
export function isAllDenied(answer: unknown): boolean {
  const found = { denials: 0, others: 0 };
  tally(answer, found);
  return found.denials > 0 && found.others === 0;
}

function tally(answer: unknown, found: { denials: number; others: number }): void {
  if (answer === null || typeof answer !== "object" || ArrayBuffer.isView(answer)) return;
  if (Array.isArray(answer)) {
    for (const one of answer) {
      if (found.others > 0 || typeof one !== "object") return;
      tally(one, found);
    }
    return;
  }
  for (const name in answer) {
    const value = (answer as Record<string, unknown>)[name];
    if (typeof value === "object") tally(value, found);
    else if (!CODES.has(name)) continue;
    else if (DENIALS.has(value as number)) found.denials++;
    else found.others++;
  }
}

/** The names that error codes have in answers. CreateTopics' topicConfigErrorCode is no denial: the topic was made. */
const CODES: ReadonlySet<string> = new Set(["errorCode", "partitionErrorCode"]);

/** Each code once. */
export function denialsIn(answer: unknown, found: Set<number> = new Set()): Set<number> {
  if (answer === null || typeof answer !== "object" || ArrayBuffer.isView(answer)) return found;
  if (Array.isArray(answer)) {
    for (const one of answer) {
      if (typeof one !== "object") return found; // an array of scalars has none
      denialsIn(one, found);
    }
    return found;
  }
  for (const name in answer) {
    const value = (answer as Record<string, unknown>)[name];
    if (typeof value === "object") denialsIn(value, found);
    else if (CODES.has(name) && DENIALS.has(value as number)) found.add(value as number);
  }
  return found;
}
