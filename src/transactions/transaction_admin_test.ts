/** Proves that operators are shown what is kept, and of that what they asked for. */
import { assertEquals } from "@std/assert";
import { ErrorCode } from "../protocol/errors.ts";
import { describeTransaction, TransactionDesk } from "../testing/transactions.ts";
import { listTransactions, type TransactionDescription } from "./transaction_admin.ts";

Deno.test("what is described and listed is kept", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id", [0, 3]);
  const describe = async () =>
    await describeTransaction(desk.coordinator, "id") as TransactionDescription;
  const described = await describe();
  assertEquals([described.state, described.producerId, described.timeoutMs], [
    "Ongoing",
    1000,
    60_000,
  ]);
  assertEquals([...described.partitions].map(({ partition }) => partition), [0, 3]);
  desk.markers.codes.set("t-3", ErrorCode.KAFKA_STORAGE_ERROR);
  const ended = desk.end("id", as, true);
  const shown = track(describeTransaction(desk.coordinator, "id"));
  await turn();
  assertEquals(shown.value, undefined);
  await desk.after(ended);
  const ending = await describe();
  assertEquals(ending.state, "PrepareCommit");
  assertEquals([...ending.partitions], [{ topic: "t", partition: 3 }], "what is still unwritten");
  assertEquals(await describeTransaction(desk.coordinator, "other"), 105);
  assertEquals(await describeTransaction(desk.coordinator, ""), 42);
});

Deno.test("a list is filtered by state, producer and age", async () => {
  const desk = await TransactionDesk.loaded();
  await desk.init("idle");
  await desk.open("old");
  await desk.pass(5000);
  await desk.open("young");
  const ids = async (filter: Partial<Parameters<typeof listTransactions>[1]>) => {
    const all = { states: new Set<never>(), producerIds: new Set<never>(), durationMs: -1 };
    const listed = await listTransactions(
      desk.coordinator,
      { ...all, ...filter },
      desk.clock.nowMs(),
    );
    return listed!.map(({ transactionalId }) => transactionalId);
  };
  assertEquals(await ids({}), ["idle", "old", "young"]);
  assertEquals(await ids({ states: new Set([1] as const) }), ["old", "young"]);
  assertEquals(await ids({ producerIds: new Set([1000]) }), ["idle"]);
  assertEquals(await ids({ durationMs: 1000 }), ["idle", "old"]);
});

/** What a promise has come to. */
function track<T>(promise: Promise<T>): { value?: T } {
  const tracked: { value?: T } = {};
  promise.then((value) => tracked.value = value, () => {});
  return tracked;
}

async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve));
}
