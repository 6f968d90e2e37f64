/** Proves that topic configs are accepted and refused as Kafka 4.4 does, by a table of values asked of Kafka's LogConfig. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  listedTopicConfigs,
  parseTopicConfig,
  resolveTopicConfig,
  topicConfigDefaults,
  topicConfigs,
  validateTopicConfig,
  validateTopicConfigs,
} from "./topic_configs.ts";

const accepted: [string, string][] = [
  ["cleanup.policy", ""],
  ["cleanup.policy", "compact,delete"],
  ["cleanup.policy", " compact , delete "],
  ["cleanup.policy", "compact,compact"],
  ["preallocate", " TRUE "],
  ["follower.replication.throttled.replicas", "*"],
  ["follower.replication.throttled.replicas", "0:1,2:3"],
  ["segment.bytes", " 2000000 "],
  ["compression.gzip.level", "-1"],
  ["retention.ms", "+5"],
  ["retention.ms", "9223372036854775807"],
  ["min.cleanable.dirty.ratio", "5e-1"],
  ["internal.segment.bytes", "100"],
];

const refused: [string, string, string][] = [
  ["foo", "1", "Unknown topic config name: foo"],
  ["retention.ms", "5d", "a whole number of milliseconds (LONG)"],
  ["segment.bytes", "1g", "a whole number (INT)"],
  ["retention.ms", "", "whole number of milliseconds (LONG)"],
  ["retention.ms", "1e3", "(LONG)"],
  ["retention.ms", "0x10", "(LONG)"],
  ["retention.ms", "9223372036854775808", "9223372036854775807"],
  ["retention.ms", "9".repeat(5000), "(LONG)"],
  ["retention.ms", "-2", "at least -1"],
  ["segment.bytes", "99999999999", "2147483647"],
  ["segment.bytes", "1", "at least 1048576"],
  ["cleanup.policy", "foo", "compact, delete"],
  ["cleanup.policy", "none,delete", "compact, delete"],
  ["min.cleanable.dirty.ratio", "1.5", "0 to 1"],
  ["min.cleanable.dirty.ratio", "x", "DOUBLE"],
  ["preallocate", "yes", "true or false"],
  ["compression.type", "LZ4", "uncompressed, zstd"],
  ["message.timestamp.type", "createtime", "CreateTime, LogAppendTime"],
  ["compression.gzip.level", "0", "1 to 9, or -1"],
  ["compression.zstd.level", "-200000", "-131072 to 22"],
  ["compression.lz4.level", "18", "1 to 17"],
  ["flush.messages", "0", "at least 1"],
  ["follower.replication.throttled.replicas", "x", "partition:broker"],
  ["remote.storage.enable", "true", "no tiered storage"],
];

Deno.test("validateTopicConfig() accepts what Kafka accepts", () => {
  for (const [name, value] of accepted) {
    assertEquals(validateTopicConfig(name, value), null, `${name}=${value}`);
  }
});

Deno.test("validateTopicConfig() says what a refused value should have been", () => {
  for (const [name, value, need] of refused) {
    assertStringIncludes(validateTopicConfig(name, value) ?? "accepted", need);
  }
  assertStringIncludes(validateTopicConfig("retention.ms", null)!, "Null");
});

Deno.test("every default passes its own validation", () => {
  for (const [name, spec] of Object.entries(topicConfigs)) {
    assertEquals(validateTopicConfig(name, spec.default), null, name);
  }
});

Deno.test("parseTopicConfig() gives typed values", () => {
  assertEquals(parseTopicConfig("cleanup.policy", "compact, delete,compact"), [
    "compact",
    "delete",
  ]);
  assertEquals(parseTopicConfig("cleanup.policy", ""), []);
  assertEquals(parseTopicConfig("retention.ms", " -1 "), -1);
  assertEquals(parseTopicConfig("preallocate", "TRUE"), true);
});

Deno.test("resolveTopicConfig() lays overrides over defaults and skips names it does not know", () => {
  const config = resolveTopicConfig(new Map([["retention.ms", "5"], ["from.the.future", "x"]]));
  assertEquals(config, { ...topicConfigDefaults(), "retention.ms": 5 });
});

Deno.test("internal.segment.bytes replaces segment.bytes and is not listed", () => {
  assertEquals(resolveTopicConfig([["internal.segment.bytes", "100"]])["segment.bytes"], 100);
  assert(!listedTopicConfigs().includes("internal.segment.bytes"));
  assertEquals(listedTopicConfigs().length, 37); // as in Kafka 4.4
});

Deno.test("validateTopicConfigs() refuses lags that contradict each other", () => {
  assertStringIncludes(
    validateTopicConfigs([["min.compaction.lag.ms", "10"], ["max.compaction.lag.ms", "5"]])!,
    "at most max.compaction.lag.ms (5)",
  );
  assertEquals(validateTopicConfigs([["min.compaction.lag.ms", "10"]]), null);
  assertStringIncludes(validateTopicConfigs([["nope", "1"]])!, "nope");
});
