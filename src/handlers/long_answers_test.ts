/**
 * Proves that an answer of many parts gives way while it is made, one at a time, that it has a limit, and that nothing is
 * made for a connection that went; and that the handlers whose answers a short request can make long are made so. Turns
 * are the test's.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { adminFixture } from "../testing/admin.ts";
import { DescribeConfigs } from "../protocol/messages/describe_configs.ts";
import { ask } from "../testing/admin.ts";
import { CountedTurns } from "../testing/counted_turns.ts";
import { CLOSE } from "./handler.ts";
import { LongAnswers, type Parts } from "./long_answers.ts";

const OPEN = { isEnding: false, hold: () => {} };

function numbers(count: number, more: Partial<Parts<number, string, string>> = {}) {
  return {
    items: Array.from({ length: count }, (_, i) => i),
    part: (i: number) => `p${i}`,
    tooLong: (i: number) => `too long ${i}`,
    whole: (parts: string[]) => parts.join(" "),
    connection: OPEN,
    ...more,
  };
}

Deno.test("an answer that is short is made at once, though the turn has been long before", () => {
  const answers = new LongAnswers({ turn: new CountedTurns(1), maxBytes: 1000 });
  assertEquals(answers.of(numbers(1)), "p0");
  assertEquals(answers.of(numbers(0)), "");
});

Deno.test("a long one is made over many turns, and another waits until it is done", async () => {
  const turn = new CountedTurns(2), answers = new LongAnswers({ turn, maxBytes: 1000 });
  const made: string[] = [];
  const part = (of: string) => (i: number) => (made.push(`${of}${i}`), `${of}${i}`);
  const a = answers.of(numbers(5, { part: part("a") }));
  const b = answers.of(numbers(4, { part: part("b") }));
  assertEquals(made, ["a0", "a1", "b0", "b1"]);
  assertEquals(await Promise.all([a, b]), ["a0 a1 a2 a3 a4", "b0 b1 b2 b3"]);
  assertEquals(made.slice(4), ["a2", "a3", "a4", "b2", "b3"]);
  assertEquals(turn.turns, 3);
});

Deno.test("past its limit the parts of an answer are refused", () => {
  const answers = new LongAnswers({ turn: new CountedTurns(1000), maxBytes: 10 });
  const tooLong = (i: number, reason: string) => `${i}: ${reason}`;
  assertEquals(
    answers.of(numbers(4, { tooLong, whole: (parts) => parts.join("; ") })),
    [
      "p0",
      "p1",
      "p2",
      "3: an answer takes 10 bytes at most: ask for fewer",
    ].join("; "),
  );
});

Deno.test("one that fails, or whose connection goes, lets the next have its turn", async () => {
  const answers = new LongAnswers({ turn: new CountedTurns(2), maxBytes: 1000 });
  const part = (i: number) => {
    if (i === 2) throw new Error("broken");
    return `p${i}`;
  };
  const gone = { ...OPEN, isEnding: false }, a = answers.of(numbers(3, { part }));
  const b = answers.of(numbers(3, { connection: gone })), c = answers.of(numbers(3));
  gone.isEnding = true;
  await assertRejects(() => Promise.resolve(a), Error, "broken");
  assertEquals([await b, await c], [CLOSE, "p0 p1 p2"]);
});

Deno.test("a connection is held while its long answer is made: what it asked for waits as bytes, which are counted", async () => {
  const held: Promise<unknown>[] = [];
  const connection = { isEnding: false, hold: (until: Promise<unknown>) => void held.push(until) };
  const answers = new LongAnswers({ turn: new CountedTurns(2), maxBytes: 1000 });
  answers.of(numbers(1, { connection }));
  assertEquals(held.length, 0);
  const long = answers.of(numbers(9, { connection }));
  assertEquals(held.length, 1);
  assertEquals(await held[0], await long);
});

Deno.test("DescribeConfigs says no more than fits of one topic that is named over and over", async () => {
  const { handlers, fixture } = await adminFixture({ maxAnswerBytes: 100_000 });
  await fixture.create("t");
  const { results } = await ask(handlers.describeConfigs, DescribeConfigs, 4, {
    resources: Array(1000).fill({ resourceType: 2, resourceName: "t", configurationKeys: null }),
    includeSynonyms: true,
  });
  const said = results.filter(({ errorCode }) => errorCode === 0).length;
  assert(said > 5 && said < 50, `${said} of them`);
  assertEquals(results.length, 1000);
  const { errorCode, errorMessage, resourceName, configs } = results[999];
  assertEquals([errorCode, resourceName, configs], [42, "t", []]);
  assertEquals(errorMessage, "an answer takes 100000 bytes at most: ask for fewer");
});
