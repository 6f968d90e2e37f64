/**
 * Proves when a partition is admitted to a transaction: once the log has written that it is part of it, which a later write is
 * made durable together with; and once that is kept, where the write says so or the transaction before had the same epoch.
 */
import { assertEquals } from "@std/assert";
import { TransactionDesk } from "../testing/transactions.ts";
import type { Credentials } from "./transaction_events.ts";

const NONE = 0, NOT_COORDINATOR = 16;

/** A desk whose log is written and synced when told. */
async function start() {
  const desk = await TransactionDesk.loaded(),
    { producerId, producerEpoch } = await desk.init("id");
  desk.log.writesLate = true;
  return { desk, as: { producerId, producerEpoch } };
}

function admit(
  { gate }: Pick<TransactionDesk, "gate">,
  as: Credentials,
  { partition = 0, isBeside = true } = {},
) {
  const claim = { transactionalId: "id", ...as, topic: "t", partition } as const;
  return track(gate.admit({ ...claim, mode: "add", isBeside }));
}

function track<T>(promise: Promise<T>): { value?: T } {
  const tracked: { value?: T } = {};
  promise.then((value) => tracked.value = value);
  return tracked;
}

const turn = () => new Promise<void>((resolve) => setTimeout(resolve));

Deno.test("a partition is admitted when the log has written it, and before it is kept", async () => {
  const { desk, as } = await start(), admitted = admit(desk, as);
  await turn();
  assertEquals([admitted.value, desk.stateOf("id")], [undefined, "Ongoing"]);
  desk.log.write();
  await turn();
  assertEquals(admitted.value, NONE);
  const again = admit(desk, as), second = admit(desk, as, { partition: 1 });
  await turn();
  assertEquals(
    [again.value, second.value],
    [NONE, undefined],
    "what is written already needs nothing",
  );
  desk.log.write();
  await turn();
  assertEquals(second.value, NONE);
});

Deno.test("where a later write to another log may be kept first, it is admitted when the log has kept it", async () => {
  const { desk, as } = await start();
  desk.log.isKeptInOrder = false;
  const admitted = admit(desk, as);
  await turn();
  desk.log.write();
  await turn();
  assertEquals(admitted.value, undefined);
  desk.log.sync();
  await turn();
  assertEquals(admitted.value, NONE);
});

Deno.test("a partition whose write fails is not admitted", async () => {
  const { desk, as } = await start(), admitted = admit(desk, as);
  await turn();
  desk.log.failWrites();
  await turn();
  assertEquals([admitted.value, desk.stateOf("id")], [NOT_COORDINATOR, "Empty"]);
});

Deno.test("who may have written there before is admitted when the log has kept it, and with it all that is asked in that turn", async () => {
  const { desk, as } = await start(), { gate } = desk;
  const first = admit({ gate }, as, { isBeside: false });
  const second = admit({ gate }, as, { partition: 1 });
  await turn();
  desk.log.write();
  await turn();
  assertEquals([first.value, second.value], [undefined, undefined]);
  desk.log.sync();
  await turn();
  assertEquals([first.value, second.value], [NONE, NONE]);
});

Deno.test("behind an end of a version below 2, whose markers have the epoch of what follows, it is admitted when it is kept", async () => {
  const { desk, as } = await start();
  desk.version = 1; // and so its client
  desk.log.writesLate = false;
  await desk.add("id", as);
  assertEquals((await desk.after(desk.end("id", as, true))).errorCode, NONE);
  await desk.settle();
  assertEquals(desk.stateOf("id"), "CompleteCommit");
  desk.version = 2;
  desk.log.writesLate = true;
  const admitted = admit(desk, as);
  await turn();
  desk.log.write();
  await turn();
  assertEquals(admitted.value, undefined);
  desk.log.sync();
  await turn();
  assertEquals(admitted.value, NONE);
  const ended = await desk.after(desk.end("id", as, true)); // of version 2
  assertEquals(ended.errorCode, NONE);
  await desk.settle();
  const next = admit(desk, { ...as, producerEpoch: ended.producerEpoch });
  await turn();
  desk.log.write();
  await turn();
  assertEquals(next.value, NONE);
});

Deno.test("what was appended and not kept before a partition of the log is taken up again admits nobody", async () => {
  const { desk, as } = await start(), lost = admit(desk, as);
  await turn();
  desk.log.write();
  await turn();
  desk.leaderEpoch++;
  await desk.coordinator.loadAll();
  const admitted = admit(desk, as);
  await turn();
  assertEquals([lost.value, admitted.value], [NONE, undefined]);
  desk.log.sync();
  await turn();
  assertEquals(admitted.value, NONE);
});
