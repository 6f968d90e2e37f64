/**
 * Proves which open transactions `runnel storage verify` calls hanging: those that the coordinator's log does not end. The
 * directory is looked at as verify looks at it, with records of `__transaction_state` in Kafka's format.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { encodeRecordKey, encodeVersioned } from "../../protocol/log_record.ts";
import { TransactionLogKey, TransactionLogValue } from "../../protocol/messages/transaction_log.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { buildEndTxnBatch } from "../../protocol/records/control_record.ts";
import { PartitionsFixture } from "../../testing/partitions.ts";
import { TransactionSurvey } from "./transaction_survey.ts";
import { verifyPartitions } from "./verify.ts";

const STATE = "__transaction_state";
const EMPTY = 0, ONGOING = 1, PREPARE_COMMIT = 2, COMPLETE_COMMIT = 4, EPOCH_FENCE = 7;

async function start() {
  const fixture = await PartitionsFixture.start();
  await fixture.create("orders", 2);
  await fixture.create(STATE, 1);
  const append = async (topic: string, partition: number, bytes: Uint8Array) => {
    const appended = fixture.log(topic, partition).append(bytes, {
      origin: "coordinator",
      leaderEpoch: 0,
    });
    assertEquals(appended.errorCode, 0);
    await appended.durable;
  };
  const timestampMs = fixture.clock.nowMs();
  return {
    fixture,
    open: (producerId: number, partition = 0, producerEpoch = 0) =>
      append(
        "orders",
        partition,
        buildBatch({
          records: [{ timestampMs, value: new Uint8Array(1) }],
          ...{ producerId, producerEpoch, baseSequence: 0, isTransactional: true },
        }),
      ),
    end: (producerId: number, partition = 0) => {
      const marker = { producerId, producerEpoch: 0, isCommit: true, coordinatorEpoch: 0 };
      return append("orders", partition, buildEndTxnBatch({ ...marker, timestampMs }));
    },
    /** What the coordinator's log says of a transactional id; null forgets it. */
    note: async (
      transactionalId: string,
      state:
        | { producerId: number; status: number; partitions?: number[]; previous?: number }
        | null,
    ) => {
      const value = state && encodeVersioned(TransactionLogValue, 1, {
        producerId: state.producerId,
        previousProducerId: state.previous ?? -1,
        producerEpoch: 0,
        transactionTimeoutMs: 60_000,
        transactionStatus: state.status,
        transactionPartitions: [{ topic: "orders", partitionIds: state.partitions ?? [0] }],
        transactionLastUpdateTimestampMs: 0,
        transactionStartTimestampMs: 0,
        clientTransactionVersion: 2,
      });
      const key = encodeRecordKey(TransactionLogKey, { transactionalId });
      await append(STATE, 0, buildBatch({ records: [{ timestampMs, key, value }] }));
    },
    /** "orders-0 7" of what is told. */
    survey: async () => {
      for (const [topic, partition] of [["orders", 0], ["orders", 1], [STATE, 0]] as const) {
        await fixture.log(topic, partition).close();
      }
      const survey = new TransactionSurvey();
      const reports = await Array.fromAsync(
        verifyPartitions(fixture.store, undefined, undefined, survey),
      );
      assertEquals(reports.length, 3);
      return [...survey.findings()];
    },
  };
}

const told = (findings: readonly { file: string; problem: string }[]) =>
  findings.map(({ file, problem }) => `${file} ${/producer (\d+)/.exec(problem)![1]}`);

Deno.test("an open transaction that no coordinator knows hangs, and the finding says what to do", async () => {
  const world = await start();
  await world.open(7);
  await world.end(7);
  await world.open(8, 0, 5);
  const [finding, ...more] = await world.survey();
  assertEquals([finding.kind, finding.file, more], ["hanging", "orders-0", []]);
  assertStringIncludes(
    finding.problem,
    "the transaction of producer 8, epoch 5, is open from offset 2 on, and no coordinator knows it",
  );
  assertStringIncludes(finding.problem, "runnel txn abort");
});

Deno.test("what the coordinator ends does not hang: ongoing, prepared, fenced; also under the producer id before the last", async () => {
  const world = await start();
  for (const id of [1, 2, 3, 4]) await world.open(id);
  await world.note("a", { producerId: 1, status: ONGOING });
  await world.note("b", { producerId: 2, status: PREPARE_COMMIT, partitions: [1, 0] });
  await world.note("c", { producerId: 3, status: EPOCH_FENCE });
  await world.note("d", { producerId: 40, previous: 4, status: PREPARE_COMMIT });
  assertEquals(await world.survey(), []);
});

Deno.test("a transaction of a later epoch than the coordinator knows hangs: its marker would be refused", async () => {
  const world = await start();
  await world.open(1, 0, 1);
  await world.open(2, 0, 0);
  await world.note("a", { producerId: 1, status: ONGOING }); // both of epoch 0
  await world.note("b", { producerId: 2, status: ONGOING });
  assertEquals(told(await world.survey()), ["orders-0 1"]);
});

Deno.test("what the coordinator has ended, forgotten, or knows in other partitions only, hangs", async () => {
  const world = await start();
  for (const id of [1, 2, 3, 4]) await world.open(id, 1);
  await world.note("a", { producerId: 1, status: ONGOING, partitions: [1] });
  await world.note("a", { producerId: 1, status: COMPLETE_COMMIT, partitions: [] });
  await world.note("b", { producerId: 2, status: ONGOING, partitions: [1] });
  await world.note("b", null);
  await world.note("c", { producerId: 3, status: ONGOING, partitions: [0] });
  await world.note("d", { producerId: 4, status: EMPTY });
  assertEquals(told(await world.survey()), [
    "orders-1 1",
    "orders-1 2",
    "orders-1 3",
    "orders-1 4",
  ]);
});

Deno.test("where the coordinator's log cannot be read as a whole, the finding says so", async () => {
  const world = await start();
  await world.open(7);
  const log = world.fixture.log(STATE, 0);
  const key = encodeRecordKey(TransactionLogKey, { transactionalId: "x" });
  const records = [{ timestampMs: 0, key, value: new Uint8Array([0, 99]) }];
  await log.append(buildBatch({ records }), { origin: "coordinator", leaderEpoch: 0 }).durable;
  const [{ problem }] = await world.survey();
  assertStringIncludes(problem, "what can be read of __transaction_state does not know it");
});

Deno.test("of a damaged partition nothing is said: its marker may be behind the damage", async () => {
  const world = await start();
  await world.open(7);
  await world.open(8, 1);
  await world.end(8, 1);
  await world.fixture.log("orders", 0).close();
  const path = "orders-0/00000000000000000000.log";
  const bytes = world.fixture.store.readAll(path)!;
  await world.fixture.store.replace(path, new Uint8Array([...bytes, ...bytes])); // its batch again: out of place, and intact
  const survey = new TransactionSurvey();
  await world.fixture.log("orders", 1).close();
  await world.fixture.log(STATE, 0).close();
  const reports = await Array.fromAsync(
    verifyPartitions(world.fixture.store, undefined, undefined, survey),
  );
  assertEquals(reports.map(({ damage }) => damage !== null), [false, true, false]);
  assertEquals([...survey.findings()], []);
});

Deno.test("what lies below the log start is no part of a transaction that is open", async () => {
  const survey = new TransactionSurvey();
  const batchAt = (offset: number) => {
    const bytes = buildBatch({
      records: [{ timestampMs: 0, value: new Uint8Array(1) }],
      ...{ producerId: 7, producerEpoch: 0, baseSequence: offset, isTransactional: true },
    });
    bytes[7] = offset;
    return bytes;
  };
  survey.saw("orders-0", batchAt(3), 10);
  assertEquals([...survey.findings()], []);
  survey.saw("orders-0", batchAt(12), 10);
  assertStringIncludes([...survey.findings()][0].problem, "from offset 12 on");
});
