/**
 * The table of error codes is complete and consistent: looked at as a whole, and by a few codes clients act on.
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode, errorMessage, errorName, isRetriable } from "./errors.ts";

Deno.test("the error codes run from -1 to 136 without a gap", () => {
  assertEquals(Object.values(ErrorCode), Array.from({ length: 138 }, (_, i) => i - 1));
});

Deno.test("every error but NONE has a text", () => {
  for (const code of Object.values(ErrorCode)) {
    assertEquals(errorMessage(code) === null, code === 0);
  }
});

Deno.test("errorName() gives Kafka's name, and the number where Kafka has none", () => {
  assertEquals(errorName(3), "UNKNOWN_TOPIC_OR_PARTITION");
  assertEquals(errorName(-1), "UNKNOWN_SERVER_ERROR");
  assertEquals(errorName(4711), "ERROR_4711");
});

Deno.test("isRetriable() says what Kafka's own exceptions say", () => {
  const { NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR, MESSAGE_TOO_LARGE, REBALANCE_IN_PROGRESS } =
    ErrorCode;
  assert(isRetriable(NOT_LEADER_OR_FOLLOWER) && isRetriable(KAFKA_STORAGE_ERROR));
  assert(
    !isRetriable(MESSAGE_TOO_LARGE) && !isRetriable(REBALANCE_IN_PROGRESS) && !isRetriable(4711),
  );
});
