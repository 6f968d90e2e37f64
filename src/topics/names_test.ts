/** Topic names: what Kafka's Topic.validate takes and refuses, one case each. */
import { assertEquals, assertMatch } from "@std/assert";
import { collisionKey, isInternalTopic, topicNameError } from "./names.ts";

const valid = ["a", "A.b_c-9", "...", "-", "_", "__consumer_offsets", "x".repeat(249)];
const invalid = [
  "",
  ".",
  "..",
  "../x",
  "a/b",
  "a\\b",
  "a\0b",
  "a b",
  "a\n",
  "ä",
  "е",
  "a:b",
  "a,b",
  "a*",
  "%61",
  "\ud83d\ude00",
  "x".repeat(250),
];

Deno.test("topicNameError() takes what Kafka takes", () => {
  for (const name of valid) assertEquals(topicNameError(name), null, name);
});

Deno.test("topicNameError() refuses what could leave the directory or be no file name", () => {
  assertEquals(invalid.length, 17);
  for (const name of invalid) assertMatch(topicNameError(name) ?? "", /^Topic name is invalid: /);
});

Deno.test("names that differ in dots and underscores alone collide", () => {
  assertEquals(collisionKey("a.b_c"), collisionKey("a_b.c"));
  assertEquals(collisionKey("a.b") === collisionKey("a-b"), false);
});

Deno.test("isInternalTopic() knows the broker's own topics", () => {
  assertEquals(isInternalTopic("__consumer_offsets"), true);
  assertEquals(isInternalTopic("__other"), false);
});
