/**
 * Proves what the transactions' machine decides, but for the ends and the epochs that have tests of their own: through the
 * shard, with what it would write, and after a replay of that.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ErrorCode } from "../protocol/errors.ts";
import { credentialsIn, TransactionDriver } from "../testing/transaction_driver.ts";
import { apply, isExpired, isTimedOut } from "./transaction_machine.ts";
import { NO_TIMEOUT_MS, State } from "./transaction.ts";

const {
  CONCURRENT_TRANSACTIONS,
  INVALID_PRODUCER_ID_MAPPING,
  NONE,
  PRODUCER_FENCED,
  TRANSACTION_ABORTABLE,
} = ErrorCode;

Deno.test("a new id gets a producer id that nobody had, and epoch 0", () => {
  const driver = new TransactionDriver();
  assertEquals(credentialsIn(driver.init()), [NONE, 1000, 0]);
  assertEquals(driver.value.state, State.Empty);
  assertEquals(driver.log.length, 1);
});

Deno.test("without a fresh producer id nothing happens, and the answer says that one is needed", () => {
  const driver = new TransactionDriver();
  const reply = driver.submit({
    kind: "initProducerId",
    ticket: 1,
    timeoutMs: 1,
    expected: null,
    freshProducerId: null,
  });
  assert(reply?.needsProducerId);
  assertEquals(driver.log, []);
});

Deno.test("a new instance gets the next epoch, and the one before is fenced", () => {
  const driver = new TransactionDriver();
  driver.init();
  const before = driver.credentials;
  assertEquals(credentialsIn(driver.init()), [NONE, 1000, 1]);
  assertEquals(driver.add(undefined, { as: before }), PRODUCER_FENCED);
  assertEquals(driver.end(true, { as: before }).errorCode, PRODUCER_FENCED);
});

Deno.test("KIP-360: who has the current epoch gets the next, and a retry of that the same again", () => {
  const driver = new TransactionDriver();
  driver.init();
  const expected = { producerId: 1000, producerEpoch: 0 };
  assertEquals(credentialsIn(driver.init({ expected })), [NONE, 1000, 1]);
  assertEquals(credentialsIn(driver.init({ expected })), [NONE, 1000, 1]);
});

Deno.test("KIP-360: a retry is fenced once another instance has come in between", () => {
  const driver = new TransactionDriver();
  driver.init();
  const expected = { producerId: 1000, producerEpoch: 0 };
  driver.init({ expected });
  driver.init();
  assertEquals(driver.init({ expected }).errorCode, PRODUCER_FENCED);
  assertEquals(
    driver.init({ expected: { producerId: 999, producerEpoch: 0 } }).errorCode,
    PRODUCER_FENCED,
  );
});

Deno.test("a producer that knows more than a new id has gets that id from its beginning", () => {
  const driver = new TransactionDriver();
  const expected = { producerId: 5, producerEpoch: 3 };
  assertEquals(credentialsIn(driver.init({ expected })), [NONE, 1000, 0]);
});

for (const version of [0, 1, 2] as const) {
  Deno.test(`an open transaction is aborted before a new instance gets anything (transaction.version ${version})`, () => {
    const driver = new TransactionDriver(version);
    driver.init();
    driver.add();
    const before = driver.credentials;
    assertEquals(driver.init().errorCode, CONCURRENT_TRANSACTIONS);
    assertEquals(driver.value.state, State.PrepareAbort);
    assertEquals(driver.value.producerEpoch, 1, "the epoch goes up once with the abort");
    assertEquals(driver.init().errorCode, CONCURRENT_TRANSACTIONS, "its marker is not written");
    assertEquals(driver.value.producerEpoch, 1);
    driver.writeMarkers();
    assertEquals(driver.value.state, State.CompleteAbort);
    assertEquals(credentialsIn(driver.init()), [NONE, 1000, 2]);
    assertEquals(driver.end(true, { as: before }).errorCode, PRODUCER_FENCED);
  });
}

Deno.test("partitions are part of a transaction from when they are added, and asked for again cost no record", () => {
  const driver = new TransactionDriver();
  driver.init();
  assertEquals(driver.add([{ topic: "t", partition: 0 }, { topic: "u", partition: 1 }]), NONE);
  const { startTimestampMs } = driver.value, records = driver.log.length;
  driver.passes(1000);
  assertEquals(driver.add([{ topic: "u", partition: 1 }]), NONE);
  assertEquals(driver.log.length, records);
  assertEquals(driver.add([{ topic: "u", partition: 2 }]), NONE);
  assertEquals(driver.log.length, records + 1);
  assertEquals(driver.value.partitions.size, 3);
  assertEquals(driver.value.startTimestampMs, startTimestampMs);
});

Deno.test("a transaction may be begun with no partition, as Kafka lets it", () => {
  const driver = new TransactionDriver();
  driver.init();
  assertEquals(driver.add([]), NONE);
  assertEquals(driver.value.state, State.Ongoing);
});

Deno.test("adding partitions: an unknown id and another producer are 49, another epoch 90", () => {
  const driver = new TransactionDriver();
  assertEquals(
    driver.add(undefined, { as: { producerId: 1, producerEpoch: 0 } }),
    INVALID_PRODUCER_ID_MAPPING,
  );
  driver.init();
  assertEquals(
    driver.add(undefined, { as: { producerId: 1, producerEpoch: 0 } }),
    INVALID_PRODUCER_ID_MAPPING,
  );
  for (const producerEpoch of [1, -1]) {
    assertEquals(
      driver.add(undefined, { as: { producerId: 1000, producerEpoch } }),
      PRODUCER_FENCED,
    );
  }
});

Deno.test("KAFKA-18464: that the end is under way (51) is judged before the epoch, which went up with it", () => {
  const driver = new TransactionDriver(2);
  driver.init();
  driver.add();
  const before = driver.credentials;
  driver.end(true);
  assertEquals(driver.add(undefined, { as: before }), CONCURRENT_TRANSACTIONS);
  assertEquals(driver.end(true, { as: before }).errorCode, CONCURRENT_TRANSACTIONS);
  assertEquals(
    driver.init({ expected: { producerId: 1, producerEpoch: 1 } }).errorCode,
    CONCURRENT_TRANSACTIONS,
  );
  driver.writeMarkers();
  assertEquals(driver.add(undefined, { as: before }), PRODUCER_FENCED);
});

Deno.test("at level 0 a client of version 2 begins nothing (35), and ends what it began before", () => {
  const driver = new TransactionDriver(0);
  driver.init();
  assertEquals(driver.add(undefined, { clientVersion: 2 }), ErrorCode.UNSUPPORTED_VERSION);
  assertEquals(driver.end(false, { clientVersion: 2 }).errorCode, ErrorCode.UNSUPPORTED_VERSION);
  assertEquals(driver.add(undefined, { clientVersion: 0 }), NONE, "nothing is stuck");
  assertEquals(driver.end(true, { clientVersion: 0 }).errorCode, NONE);
  driver.writeMarkers();
  driver.version = 2;
  driver.add();
  driver.version = 0;
  assertEquals(driver.add([{ topic: "u", partition: 0 }], { clientVersion: 2 }), NONE);
  assertEquals(driver.end(true, { clientVersion: 2 }).errorCode, NONE);
});

Deno.test("verifying says of each partition whether it is part of the transaction, and changes nothing", () => {
  const driver = new TransactionDriver(1);
  driver.init();
  driver.add();
  const records = driver.log.length;
  const verify = (producerEpoch: number) =>
    driver.submit({
      kind: "verifyPartitions",
      ticket: 1,
      producerId: 1000,
      producerEpoch,
      partitions: [{ topic: "t", partition: 0 }, { topic: "t", partition: 1 }],
    });
  assertEquals(verify(0)?.partitionErrors, [NONE, TRANSACTION_ABORTABLE]);
  assertEquals(verify(1)?.errorCode, PRODUCER_FENCED);
  driver.end(true);
  assertEquals(verify(0)?.errorCode, CONCURRENT_TRANSACTIONS);
  driver.writeMarkers();
  assertEquals(verify(0)?.partitionErrors, [TRANSACTION_ABORTABLE, TRANSACTION_ABORTABLE]);
  assertEquals(driver.log.length, records + 2);
});

Deno.test("a transaction is complete only when each of its markers is written", () => {
  const driver = new TransactionDriver();
  driver.init();
  driver.add([{ topic: "t", partition: 0 }, { topic: "t", partition: 1 }]);
  driver.end(true);
  const { credentials } = driver;
  driver.submit({ kind: "markerWritten", ...credentials, partition: { topic: "t", partition: 0 } });
  driver.submit({ kind: "markerWritten", ...credentials, partition: { topic: "t", partition: 0 } });
  assertEquals(driver.value.state, State.PrepareCommit);
  assertEquals([...driver.transaction.unwritten], [{ topic: "t", partition: 1 }]);
  driver.submit({ kind: "markerWritten", ...credentials, partition: { topic: "t", partition: 1 } });
  assertEquals(driver.value.state, State.CompleteCommit);
  assertEquals(driver.value.partitions.size, 0);
});

Deno.test("a marker of an earlier transaction that is told of late says nothing of this one", () => {
  const driver = new TransactionDriver();
  driver.init();
  driver.add();
  driver.end(true);
  const early = driver.credentials;
  driver.writeMarkers();
  driver.add();
  driver.end(false);
  driver.submit({ kind: "markerWritten", ...early, partition: { topic: "t", partition: 0 } });
  assertEquals(driver.value.state, State.PrepareAbort);
});

Deno.test("after a reload a prepared transaction has all its markers to be written again, and completes", () => {
  for (const isCommit of [true, false]) {
    const driver = new TransactionDriver();
    driver.init();
    driver.add([{ topic: "t", partition: 0 }, { topic: "t", partition: 1 }]);
    const reply = driver.end(isCommit);
    const partition = { topic: "t", partition: 0 };
    driver.submit({ kind: "markerWritten", ...driver.credentials, partition });
    driver.reload();
    assertEquals(driver.transaction.unwritten.size, 2);
    driver.writeMarkers();
    assertEquals(driver.value.state, isCommit ? State.CompleteCommit : State.CompleteAbort);
    assertEquals(driver.credentials, {
      producerId: reply.producerId,
      producerEpoch: reply.producerEpoch,
    });
  }
});

Deno.test("an abort of nothing is complete at once, after a reload between its two records too", () => {
  const driver = new TransactionDriver(2);
  driver.init();
  driver.end(false);
  assertEquals(driver.value.state, State.CompleteAbort);
  driver.log.pop();
  driver.reload();
  assertEquals(driver.value.state, State.CompleteAbort);
});

for (const version of [0, 2] as const) {
  Deno.test(`a transaction older than its timeout is aborted with its epoch fenced (transaction.version ${version})`, () => {
    const driver = new TransactionDriver(version);
    driver.init({ timeoutMs: 10_000 });
    driver.add();
    const before = driver.credentials;
    driver.passes(5000);
    driver.add([{ topic: "t", partition: 1 }]);
    driver.passes(5000);
    assert(!isTimedOut(driver.transaction, driver.now.ms));
    assertEquals(driver.timeOut().errorCode, CONCURRENT_TRANSACTIONS, "not yet");
    driver.passes(1);
    assert(
      isTimedOut(driver.transaction, driver.now.ms),
      "its age counts from its first partition",
    );
    assertEquals(driver.timeOut().errorCode, NONE);
    assertEquals(driver.value.state, State.PrepareAbort);
    assertEquals(driver.timeOut().errorCode, CONCURRENT_TRANSACTIONS, "once");
    driver.writeMarkers();
    assertEquals(driver.value.producerEpoch, before.producerEpoch + 1);
    assertEquals(driver.add(undefined, { as: before }), PRODUCER_FENCED);
    assertEquals(
      driver.end(true, { as: before }).errorCode,
      version === 2 ? ErrorCode.INVALID_TXN_STATE : PRODUCER_FENCED,
    );
  });
}

Deno.test("a wall clock that is set forward ages no transaction, while it runs or over a reload", () => {
  const driver = new TransactionDriver();
  driver.init({ timeoutMs: 10_000 });
  driver.add();
  driver.now.wallMs += 3_600_000;
  assert(!isTimedOut(driver.transaction, driver.now.ms));
  driver.now.wallMs -= 3_600_000; // what is trusted after the start
  driver.passes(6000);
  driver.reload();
  assert(!isTimedOut(driver.transaction, driver.now.ms));
  driver.passes(4001);
  assert(isTimedOut(driver.transaction, driver.now.ms), "what had passed before the reload counts");
  driver.now.wallMs -= 3_600_000;
  driver.reload();
  assert(!isTimedOut(driver.transaction, driver.now.ms), "begun in the future is as old as now");
});

Deno.test("KIP-939: a transaction of a two-phase commit is never too old", () => {
  const driver = new TransactionDriver();
  driver.init({ timeoutMs: NO_TIMEOUT_MS });
  driver.add();
  driver.passes(2 * NO_TIMEOUT_MS);
  assertEquals(driver.timeOut().errorCode, CONCURRENT_TRANSACTIONS);
});

Deno.test("an id expires when nothing became of it, and never while a transaction is under way", () => {
  const driver = new TransactionDriver();
  const DAY_MS = 86_400_000;
  const isDue = () =>
    isExpired(driver.transaction, { trustedMs: driver.now.wallMs, expirationMs: 7 * DAY_MS });
  assert(!isDue(), "there is none");
  driver.init({ timeoutMs: NO_TIMEOUT_MS });
  driver.passes(7 * DAY_MS - 1);
  assert(!isDue());
  driver.passes(1);
  assert(isDue());
  driver.add();
  driver.passes(8 * DAY_MS);
  assert(!isDue(), "Ongoing");
  driver.end(true);
  driver.passes(8 * DAY_MS);
  assert(!isDue(), "PrepareCommit");
  driver.writeMarkers();
  assert(!isDue(), "just completed");
  driver.passes(8 * DAY_MS);
  assert(isDue());
});

Deno.test("a step that Kafka's coordinator does not know is refused where it would become true", () => {
  const driver = new TransactionDriver();
  driver.init();
  const { transaction } = driver, value = { ...transaction.value, state: State.CompleteCommit };
  assertThrows(
    () => apply(transaction, { kind: "changed", value, logVersion: 1, sinceMs: null }),
    Error,
    "cannot go from Empty to CompleteCommit",
  );
  assertEquals(transaction.value.state, State.Empty);
});
