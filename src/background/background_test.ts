/**
 * What a job in the background comes to: its result, an error where it took too long or threw, all in their order; with
 * a thread and, where there can be none, without.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { matchNames } from "../groups/consumer/consumer_regex.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { CompressionType } from "../protocol/records/compression.ts";
import { LATER, validateInPlace, type ValidateOptions } from "../protocol/records/validate.ts";
import { Background, OverlongError } from "./background.ts";
import { validateLater } from "./validate_later.ts";

const rules: ValidateOptions = {
  apiVersion: 9,
  nowMs: 1000,
  maxMessageBytes: 1 << 20,
  maxBatchRecords: 1000,
  maxDecompressedBytes: 1 << 24,
  compression: "producer",
  isCompacted: false,
  isLogAppendTime: false,
  timestampBeforeMaxMs: 1e15,
  timestampAfterMaxMs: 1e15,
};

const bomb = buildBatch({
  compression: CompressionType.zstd,
  records: [{ timestampMs: 1, value: new Uint8Array(4 << 20) }],
});

/** Its program is large, and a name of these lets it be in many places at once. */
const COSTLY = "(a?){1000}(a?){1000}(a?){400}zz";
const names = (count: number) => Array.from({ length: count }, (_, i) => `${"a".repeat(240)}${i}`);

for (const [how, url] of [["on a thread", undefined], ["in place", null]] as const) {
  Deno.test(`jobs are done ${how}, in their order, and others have a turn between them`, async () => {
    const background = new Background({ limitMs: 30_000, url });
    const done: number[] = [];
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await Promise.all(
      [0, 1, 2].map(async (i) => {
        const verdict = await background.run("matchNames", () => [`a{${i + 1}}`, ["a", "aa", "b"]]);
        assertEquals(verdict, { names: ["a", "aa"].slice(i, i + 1) });
        done.push(i);
      }),
    );
    clearInterval(timer);
    assertEquals(done, [0, 1, 2]);
    assert(turns > 0);
    background.stop();
  });

  Deno.test(`a batch that is too much in place is checked ${how}, with the same answer`, async () => {
    const background = new Background({ limitMs: 30_000, url });
    assertEquals(validateInPlace(bomb, { ...rules, inPlaceBytes: 1 << 20 }), LATER);
    const expected = validateInPlace(bomb.slice(), rules);
    assertEquals(await validateLater(background)(bomb, rules), expected as never);
    const tooMuch = { ...rules, maxDecompressedBytes: 1 << 20 };
    assertEquals(
      await validateLater(background)(bomb, tooMuch),
      validateInPlace(bomb.slice(), tooMuch) as never,
    );
    background.stop();
  });
}

Deno.test("a job that takes too long is broken off, and the next one is done", async () => {
  const background = new Background({ limitMs: 1000 });
  const overlong = background.run("matchNames", () => [COSTLY, names(1000)]);
  const next = background.run("matchNames", () => ["a+", ["a", "b"]]);
  await assertRejects(() => overlong, OverlongError, "matchNames took longer than 1000 ms");
  assertEquals(await next, { names: ["a"] });
  background.stop();
});

Deno.test("a batch that takes too long is refused with 87", async () => {
  const run = () => Promise.reject(new OverlongError("validateRecords took longer than 1 ms"));
  const answer = await validateLater({ run } as unknown as Background)(bomb, rules);
  assertEquals(answer.errorCode, ErrorCode.INVALID_RECORD);
});

Deno.test("where a thread cannot begin the work is done in place, and that is told once", async () => {
  const told: string[] = [];
  const background = new Background({
    limitMs: 30_000,
    url: "data:application/javascript,throw new Error('no')",
    onProblem: (event) => told.push(event),
  });
  for (let i = 0; i < 2; i++) {
    assertEquals(await background.run("matchNames", () => ["a", ["a"]]), { names: ["a"] });
  }
  assertEquals(told, ["background_in_place"]);
  background.stop();
});

Deno.test("what a job throws is its caller's", async () => {
  for (const url of [undefined, null]) {
    const background = new Background({ limitMs: 30_000, url });
    await assertRejects(
      () => background.run("matchNames", () => [null as unknown as string, []]),
      Error,
      "Cannot read properties of null",
    );
    await assertRejects(
      () =>
        background.run("matchNames", () => {
          throw new Error("no arguments");
        }),
      Error,
      "no arguments",
    );
    assertEquals(await background.run("matchNames", () => ["a", []]), { names: [] });
    background.stop();
  }
});

Deno.test("stop() rejects what is under way and what waits", async () => {
  const background = new Background({ limitMs: 30_000 });
  const jobs = [0, 1].map(() => background.run("matchNames", () => [COSTLY, names(1000)]));
  background.stop();
  for (const job of jobs) await assertRejects(() => job, Error, "stopped");
  await assertRejects(() => background.run("matchNames", () => ["a", []]), Error, "stopped");
});

Deno.test("matching stops at its limit between two names, where no thread can be broken off", () => {
  const beganMs = performance.now();
  const verdict = matchNames(COSTLY, names(1000), 100);
  assertEquals(verdict, { fault: "matching it with 1000 names takes too long" });
  assert(performance.now() - beganMs < 10_000, "it tried them all");
});
