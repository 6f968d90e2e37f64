/**
 * Proves what clients see of transactions, of a whole broker over TCP and over its restarts: that they are seen whole or
 * never, that what was decided is carried out however long a partition is away, and that time ends what was left open.
 */
import { assertEquals } from "@std/assert";
import type { Connection } from "../../src/client/connection.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { DescribeConfigs } from "../../src/protocol/messages/describe_configs.ts";
import { DescribeTransactions } from "../../src/protocol/messages/describe_transactions.ts";
import { EndTxn } from "../../src/protocol/messages/end_txn.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { UpdateFeatures } from "../../src/protocol/messages/update_features.ts";
import { fetchOne, LATEST, listOffset, recordsIn } from "./calls.ts";
import { pause, TestBroker, withDirectory, within } from "./harness.ts";
import { TransactionClient } from "./transactions.ts";

const COMMITTED = 1;
const TRANSACTIONS = { statePartitions: 3, abortTimedOutIntervalMs: 50 };

Deno.test("a transaction over partitions is seen whole when it is committed, and never when it is aborted", () =>
  withDirectory(async (path) => {
    const expected = ["a", "d"];
    {
      await using broker = await TestBroker.start({ path, transactions: TRANSACTIONS });
      await broker.createTopic("t", { partitions: 2 });
      const connection = await broker.connect(), client = new TransactionClient(connection, "id");
      await client.init();
      for (const value of ["a", "b", "c", "d"]) {
        for (const partition of [0, 1]) await client.send("t", partition, [value]);
        await client.end(value === "a" || value === "d");
      }
      await ended(connection, "id", "CompleteCommit");
      for (const partition of [0, 1]) assertEquals(await seen(connection, partition), expected);
    }
    await using broker = await TestBroker.start({ path, transactions: TRANSACTIONS });
    const connection = await broker.connect();
    for (const partition of [0, 1]) assertEquals(await seen(connection, partition), expected);
    await ended(connection, "id", "CompleteCommit");
    assertEquals(await broker.metric("transactions", 'state="CompleteCommit"'), 1);
  }));

Deno.test("the coordinator's topic is made at first use, as Kafka makes it", async () => {
  await using broker = await TestBroker.start({ transactions: TRANSACTIONS });
  const connection = await broker.connect(), name = "__transaction_state";
  const partitions = async () =>
    (await connection.request(Metadata, 12, { topics: null })).topics.find((topic) =>
      topic.name === name
    )?.partitions.length;
  assertEquals(await partitions(), undefined);
  await new TransactionClient(connection, "id").init();
  assertEquals(await partitions(), 3);
  const { results: [{ configs }] } = await connection.request(DescribeConfigs, 4, {
    resources: [{ resourceType: 2, resourceName: name, configurationKeys: null }],
  });
  const own = configs.filter(({ configSource }) => configSource === 1);
  assertEquals(Object.fromEntries(own.map((config) => [config.name, config.value])), {
    "cleanup.policy": "compact",
    "compression.type": "uncompressed",
    "min.insync.replicas": "1",
    "segment.bytes": "104857600",
    "unclean.leader.election.enable": "false",
  });
});

Deno.test("what was left open when the broker stopped is aborted by its timeout, and nothing stays hidden", () =>
  withDirectory(async (path) => {
    {
      await using broker = await TestBroker.start({ path, transactions: TRANSACTIONS });
      await broker.createTopic("t");
      const client = new TransactionClient(await broker.connect(), "id", 300);
      await client.init();
      await client.send("t", 0, ["lost"]);
    }
    await using broker = await TestBroker.start({ path, transactions: TRANSACTIONS });
    const connection = await broker.connect();
    await ended(connection, "id", "CompleteAbort");
    assertEquals(await seen(connection, 0), []);
    const stable =
      (await listOffset(connection, "t", LATEST, { isolationLevel: COMMITTED })).offset;
    assertEquals(stable, (await listOffset(connection, "t", LATEST)).offset);
    assertEquals(await broker.metric("transactions_timed_out_total"), 1);
  }));

Deno.test("a new instance ends what the one before left open, and fences it", async () => {
  await using broker = await TestBroker.start({ transactions: TRANSACTIONS });
  await broker.createTopic("t");
  const connection = await broker.connect();
  const old = new TransactionClient(connection, "id"),
    young = new TransactionClient(connection, "id");
  await old.init();
  await old.send("t", 0, ["old"]);
  await young.init();
  const { transactionalId, producerId, producerEpoch } = old;
  const late = { transactionalId, producerId, producerEpoch, committed: true };
  assertEquals((await connection.request(EndTxn, 5, late)).errorCode, 90);
  await young.send("t", 0, ["young"]);
  await young.end(true);
  await ended(connection, "id", "CompleteCommit");
  assertEquals(await seen(connection, 0), ["young"]);
});

Deno.test("KAFKA-20734: a commit stays prepared while a partition is offline, over restarts too, and is whole when it is back", () =>
  withDirectory(async (path) => {
    const log = `${path}/t-1/${"0".repeat(20)}.log`, away = `${path}-away`;
    {
      await using broker = await TestBroker.start({ path, transactions: TRANSACTIONS });
      await broker.createTopic("t", { partitions: 2 });
      const client = new TransactionClient(await broker.connect(), "id");
      await client.init();
      for (const partition of [0, 1]) await client.send("t", partition, ["a"]);
    }
    Deno.renameSync(log, away);
    for (const isFirst of [true, false]) {
      await using broker = await TestBroker.start({ path, transactions: TRANSACTIONS });
      const connection = await broker.connect();
      if (isFirst) {
        const open = await stateOf(connection, "id");
        const { producerId, producerEpoch } = open;
        const end = { transactionalId: "id", producerId, producerEpoch, committed: true };
        assertEquals((await connection.request(EndTxn, 5, end)).errorCode, 0);
      }
      await pause(500);
      const { transactionState, topics } = await stateOf(connection, "id");
      assertEquals(transactionState, "PrepareCommit");
      assertEquals(topics.map(({ partitions }) => partitions), [[1]]);
      assertEquals(await seen(connection, 0), ["a"]);
      assertEquals(await broker.metric("transaction_markers_delayed"), 1);
    }
    Deno.renameSync(away, log);
    await using broker = await TestBroker.start({ path, transactions: TRANSACTIONS });
    const connection = await broker.connect();
    await ended(connection, "id", "CompleteCommit");
    assertEquals(await seen(connection, 1), ["a"]);
  }));

Deno.test("a transaction with a topic that is deleted meanwhile ends", async () => {
  await using broker = await TestBroker.start({ transactions: TRANSACTIONS });
  await broker.createTopic("t");
  await broker.createTopic("u");
  const connection = await broker.connect(), client = new TransactionClient(connection, "id");
  await client.init();
  for (const topic of ["t", "u"]) await client.send(topic, 0, ["a"]);
  const topics = [{ name: "u" }];
  await connection.request(DeleteTopics, 6, { topics, timeoutMs: 1000 });
  await client.end(true);
  await ended(connection, "id", "CompleteCommit");
  assertEquals(await seen(connection, 0), ["a"]);
});

Deno.test("transaction.version counts from when it is changed, for what is begun then", async () => {
  await using broker = await TestBroker.start({ transactions: TRANSACTIONS });
  await broker.createTopic("t");
  const connection = await broker.connect(), client = new TransactionClient(connection, "id");
  const change = async (maxVersionLevel: number, upgradeType: number) => {
    const featureUpdates = [{ feature: "transaction.version", maxVersionLevel, upgradeType }];
    const answer = await connection.request(UpdateFeatures, 1, { timeoutMs: 1000, featureUpdates });
    assertEquals(answer.errorCode, 0);
  };
  await client.init();
  await client.send("t", 0, ["a"]);
  await change(0, 2);
  await client.end(true); // as it was begun, with a new epoch
  assertEquals(client.producerEpoch, 1);
  await ended(connection, "id", "CompleteCommit");
  const next = { transactionalId: "id", producerId: client.producerId, producerEpoch: 1 };
  const abort = await connection.request(EndTxn, 5, { ...next, committed: false });
  assertEquals(abort.errorCode, 35);
  await change(2, 1);
  assertEquals((await connection.request(EndTxn, 5, { ...next, committed: false })).errorCode, 0);
});

async function stateOf(connection: Connection, id: string) {
  const { transactionStates: [state] } = await connection.request(DescribeTransactions, 0, {
    transactionalIds: [id],
  });
  return state;
}

/** Waits until the transaction has come to that state. */
async function ended(connection: Connection, id: string, state: string): Promise<void> {
  const is = async () => {
    while ((await stateOf(connection, id)).transactionState !== state) await pause(20);
  };
  await within(is(), `${id} is ${state}`, 10_000);
}

/** What a reader of committed records has of a partition of topic t, to which one producer at a time writes. */
async function seen(connection: Connection, partition: number): Promise<string[]> {
  const options = { partition, isolationLevel: COMMITTED };
  const { records, abortedTransactions } = await fetchOne(connection, "t", 0, options);
  const starts = abortedTransactions?.map(({ firstOffset }) => firstOffset) ?? [];
  const values: string[] = [];
  let isAborted = false; // of the one producer that there is
  for (const { offset, key, value } of recordsIn(records)) {
    if (starts.includes(offset)) isAborted = true;
    if (key?.length === 4 && value?.length === 6) isAborted = false; // a marker
    else if (!isAborted) values.push(new TextDecoder().decode(value!));
  }
  return values;
}
