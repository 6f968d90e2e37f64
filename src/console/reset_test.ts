/** Proves that a reset does what was shown of it, or nothing where that has changed since. */
import { assertEquals, assertMatch } from "@std/assert";
import { Admin } from "../client/admin.ts";
import { Producer } from "../client/producer.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";
import type { GroupDetail, ResetAnswer } from "./api.ts";

Deno.test("what was shown is done, also where the log has grown, and nothing where somebody else has committed", async () => {
  await using console = await ConsoleBroker.start({ console: { write: true } });
  const admin = new Admin(console.cluster);
  await admin.createTopics([{ name: "t" }]);
  await using producer = new Producer(console.cluster);
  const produce = async (count: number) => {
    for (let i = 0; i < count; i++) await producer.send({ topic: "t", value: `${i}` });
  };
  await produce(10);
  const reset = (to: unknown, more = {}) =>
    console.post("group/offsets?id=g", { topic: "t", to, ...more });
  const shown = async (to: unknown) => {
    const { offsets }: ResetAnswer = await reset(to);
    return offsets.map(({ partition, before, after }) => ({ partition, before, after }));
  };
  const committed = async () =>
    ((await console.get("group?id=g")) as GroupDetail).offsets[0].committed;

  const end = { kind: "end" }, toEnd = await shown(end);
  await produce(5);
  const done: ResetAnswer = await reset(end, { preview: false, seen: toEnd });
  assertEquals([done.offsets[0].after, await committed()], [10, 10]); // and not 15, which nobody saw

  const back = { kind: "shift", by: -3 }, shifted = await shown(back);
  assertEquals(shifted, [{ partition: 0, before: 10, after: 7 }]);
  assertEquals((await reset(back, { preview: false, seen: shifted })).isDone, true);
  const twice = await reset(back, { preview: false, seen: shifted }); // as a second click, or another's
  assertEquals([twice.error.code, await committed()], ["conflict", 7]);
  assertMatch(twice.error.message, /has committed 7 of t-0, and not 10/);

  const start = await shown({ kind: "start" });
  await admin.deleteRecords({ topic: "t", partition: 0, offset: 4 });
  const gone = await reset({ kind: "start" }, { preview: false, seen: start });
  assertEquals([gone.error.code, await committed()], ["conflict", 7]);
  const others = await reset(end, { preview: false, seen: [] });
  assertEquals(others.error.field, "seen");
});
