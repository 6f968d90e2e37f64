/**
 * Proves what a producer with transactions asks of a cluster at each transaction.version, that a transaction counts
 * once or not at all whatever becomes of its requests, and what is left to do after each kind of error. The brokers are
 * scripted, and check epochs and sequences as real ones do.
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  LAST_EPOCH,
  TransactionBrokers,
  type TransactionFault,
} from "../testing/transaction_brokers.ts";
import { Cluster } from "./cluster.ts";
import { TransactionError, type TransactionErrorKind } from "./errors.ts";
import {
  TransactionalProducer,
  type TransactionalProducerOptions,
} from "./transactional_producer.ts";

function produce(brokers: TransactionBrokers, options: Partial<TransactionalProducerOptions> = {}) {
  const cluster = new Cluster({
    bootstrap: "broker:0",
    dial: brokers.dial,
    retryBackoffMs: 1,
    retryBackoffMaxMs: 4,
  });
  const producer = new TransactionalProducer(cluster, {
    transactionalId: "x",
    callTimeoutMs: 3000,
    ...options,
  });
  return {
    producer,
    cluster,
    async [Symbol.asyncDispose]() {
      await producer.close();
      cluster.close();
    },
  };
}

/** One transaction: a record to each partition, and an offset. */
async function copy(producer: TransactionalProducer, name: string, offset: number): Promise<void> {
  producer.begin();
  for (const partition of [0, 1]) {
    producer.send({ topic: "t", partition, value: `${name}${partition}` });
  }
  await producer.sendOffsets("g", [{ topic: "t", partition: 0, offset }]);
  await producer.commit();
}

async function fails(
  run: () => Promise<unknown>,
  kind: TransactionErrorKind,
  says = "",
): Promise<TransactionError> {
  const error = await assertRejects(run, TransactionError, says);
  assertEquals(error.kind, kind, error.message);
  return error;
}

/** Two transactions, in which records come before offsets. */
async function copyTwice(producer: TransactionalProducer): Promise<void> {
  await producer.init();
  for (const value of ["a", "b"]) {
    producer.begin();
    const sent = [0, 1].map((partition) => producer.send({ topic: "t", partition, value }));
    await Promise.all(sent);
    await producer.sendOffsets("g", [{ topic: "t", partition: 0, offset: 5 }]);
    await producer.commit();
  }
}

Deno.test("under version 2 Produce and TxnOffsetCommit join by themselves, and each transaction has an epoch", async () => {
  const brokers = new TransactionBrokers(2);
  await using client = produce(brokers);
  await copyTwice(client.producer);
  const second = [
    "Produce t-0 100/1 #0",
    "Produce t-1 100/1 #0",
    "TxnOffsetCommit g t-0@5",
    "EndTxn commit",
  ];
  const first = second.map((text) => text.replace("/1", "/0"));
  assertEquals(brokers.asked, ["InitProducerId", ...first, ...second]);
});

for (const level of [0, 1] as const) {
  Deno.test(`under version ${level} partitions and groups are added first, and epoch and sequences go on`, async () => {
    const brokers = new TransactionBrokers(level);
    await using client = produce(brokers);
    await copyTwice(client.producer);
    const first = brokers.asked.slice(1, 7);
    assertEquals(first, [
      "AddPartitionsToTxn t-0,t-1",
      "Produce t-0 100/0 #0",
      "Produce t-1 100/0 #0",
      "AddOffsetsToTxn g",
      "TxnOffsetCommit g t-0@5",
      "EndTxn commit",
    ]);
    assertEquals(brokers.asked.slice(7), first.map((text) => text.replace("#0", "#1")));
  });
}

Deno.test("whatever is lost, refused for now or has moved, a transaction is committed once", async () => {
  for (const level of [1, 2] as const) {
    const apis = [
      "FindCoordinator",
      "InitProducerId",
      "Produce",
      "TxnOffsetCommit",
      "EndTxn",
      ...level === 1 ? ["AddPartitionsToTxn", "AddOffsetsToTxn"] as const : [],
    ] as const;
    for (const api of apis) {
      const codes = api === "Produce"
        ? [6, 51, 19]
        : api === "FindCoordinator"
        ? [15]
        : [14, 15, 16, 51];
      for (const fault of ["lose request", "lose answer", ...codes] as TransactionFault[]) {
        const about = `version ${level}, ${api}: ${fault}`;
        const brokers = new TransactionBrokers(level);
        brokers.fail(api, fault, fault);
        await using client = produce(brokers);
        await client.producer.init();
        for (let i = 0; i < 3; i++) await copy(client.producer, `${i}.`, i);
        assert(brokers.isThrough, about);
        assertEquals(
          brokers.committed.toSorted(),
          [0, 1, 2].flatMap((i) => [`${i}.0`, `${i}.1`, `g t-0@${i}`]).toSorted(),
          about,
        );
      }
    }
  }
});

Deno.test("a coordinator that moves in the middle of a transaction is found again", async () => {
  for (const level of [1, 2] as const) {
    const brokers = new TransactionBrokers(level);
    await using client = produce(brokers);
    await client.producer.init();
    client.producer.begin();
    await client.producer.send({ topic: "t", value: "a" });
    brokers.coordinator = 0;
    await client.producer.commit();
    assertEquals(brokers.committed, ["a"]);
  }
});

Deno.test("what is aborted does not count, and what was not sent is rejected", async () => {
  for (const level of [1, 2] as const) {
    const brokers = new TransactionBrokers(level);
    await using client = produce(brokers, { lingerMs: 60_000 });
    await client.producer.init();
    client.producer.begin();
    const sent = client.producer.send({ topic: "t", partition: 0, value: "a" });
    await client.producer.flush();
    await sent;
    const unsent = client.producer.send({ topic: "t", partition: 0, value: "b" });
    await client.producer.abort();
    await fails(() => unsent, "abort", "was aborted");
    client.producer.begin();
    client.producer.send({ topic: "t", partition: 0, value: "c" });
    await client.producer.commit();
    assertEquals(brokers.committed, ["c"]);
    assertEquals(brokers.asked.filter((text) => text.startsWith("EndTxn")), [
      "EndTxn abort",
      "EndTxn commit",
    ]);
  }
});

Deno.test("a transaction without records asks nothing of the broker", async () => {
  const brokers = new TransactionBrokers(2);
  await using client = produce(brokers);
  await client.producer.init();
  client.producer.begin();
  await client.producer.commit();
  client.producer.begin();
  await client.producer.sendOffsets("g", []);
  await client.producer.abort();
  assertEquals(brokers.asked, ["InitProducerId"]);
});

Deno.test("after a batch that failed for good only abort() helps, and the next transaction has a clean epoch", async () => {
  for (const level of [1, 2] as const) {
    const brokers = new TransactionBrokers(level);
    await using client = produce(brokers, { maxBatchBytes: 1 });
    await client.producer.init();
    brokers.fail("Produce", 0, 10); // MESSAGE_TOO_LARGE
    client.producer.begin();
    const sent = [..."abcdefgh"].map((value) =>
      client.producer.send({ topic: "t", partition: 0, value })
    );
    const error = await fails(() => client.producer.commit(), "abort", "MESSAGE_TOO_LARGE");
    assertEquals(error.code, 10);
    await fails(() => client.producer.send({ topic: "t", value: "i" }), "abort");
    await fails(
      () => client.producer.sendOffsets("g", [{ topic: "t", partition: 0, offset: 1 }]),
      "abort",
    );
    await client.producer.abort();
    assertEquals((await Promise.allSettled(sent)).map(({ status }) => status).slice(0, 2), [
      "fulfilled",
      "rejected",
    ]);
    const before = brokers.asked.length;
    client.producer.begin();
    await client.producer.send({ topic: "t", partition: 0, value: "z" });
    await client.producer.commit();
    assertEquals(brokers.committed, ["z"]);
    assertStringIncludes(brokers.asked.slice(before).join(), "Produce t-0 100/1 #0");
    assertEquals(brokers.asked.includes("InitProducerId 100/0"), level === 1);
  }
});

Deno.test("whatever send() refuses makes the transaction one that has to be aborted", async () => {
  const brokers = new TransactionBrokers(2);
  await using client = produce(brokers, { bufferBytes: 1000 });
  await client.producer.init();
  const wrong = [
    { topic: "t", partition: 7, value: "no such partition" },
    { topic: "a/b", value: "no such topic" },
    { topic: "t", value: 5 as unknown as string },
  ];
  for (const record of wrong) {
    client.producer.begin();
    client.producer.send({ topic: "t", value: "good" });
    client.producer.send(record);
    await fails(() => client.producer.commit(), "abort");
    await client.producer.abort();
  }
  client.producer.begin();
  client.producer.send({ topic: "t", value: "x".repeat(1000) });
  client.producer.send({ topic: "t", value: "one too many" });
  await fails(() => client.producer.commit(), "abort", "room()");
  await client.producer.abort();
  assertEquals(brokers.committed, []);
});

Deno.test("a fenced producer says so, and can do nothing more", async () => {
  for (const level of [1, 2] as const) {
    const brokers = new TransactionBrokers(level);
    await using first = produce(brokers);
    await using second = produce(brokers);
    await first.producer.init();
    first.producer.begin();
    await first.producer.send({ topic: "t", partition: 0, value: "a" });
    await second.producer.init();
    // 47 from a partition is no proof: the coordinator tells at the abort (KIP-588).
    await assertRejects(() => first.producer.send({ topic: "t", partition: 0, value: "b" }));
    await fails(() => first.producer.commit(), "abort");
    const error = await fails(() => first.producer.abort(), "fenced", "another one took over");
    assertEquals(error.code, 90);
    await fails(() => first.producer.init(), "fenced");
    await fails(() => first.producer.commit(), "fenced");
    await fails(() => first.producer.send({ topic: "t", value: "c" }), "fenced");
    await fails(
      () => first.producer.sendOffsets("g", [{ topic: "t", partition: 0, offset: 1 }]),
      "fenced",
    );
    assertThrows(() => first.producer.begin(), TransactionError, "is fenced");
    second.producer.begin();
    second.producer.send({ topic: "t", value: "d" });
    await second.producer.commit();
    assertEquals(brokers.committed, ["d"]);
  }
});

Deno.test("missing rights end the producer at init()", async () => {
  const brokers = new TransactionBrokers(2);
  brokers.fail("InitProducerId", 53);
  await using client = produce(brokers);
  const error = await fails(() => client.producer.init(), "fatal", "can do nothing more");
  assertEquals(error.code, 53);
  await fails(() => client.producer.init(), "fatal");
});

Deno.test("without an answer in time the same call comes again, and no other", async () => {
  for (const level of [1, 2] as const) {
    for (const fault of ["hang", 51] as const) {
      const brokers = new TransactionBrokers(level);
      await using client = produce(brokers, { callTimeoutMs: 400 });
      await client.producer.init();
      client.producer.begin();
      await client.producer.send({ topic: "t", value: "a" });
      brokers.fail(
        "EndTxn",
        ...new Array<TransactionFault>(fault === "hang" ? 1 : 250).fill(fault),
      );
      const beganMs = performance.now();
      await fails(() => client.producer.commit(), "again", "within 400 ms");
      assert(performance.now() - beganMs < 2000);
      await assertRejects(() => client.producer.abort(), Error, "commit() again");
      assertThrows(() => client.producer.begin(), Error, "commit() again");
      await assertRejects(
        () => client.producer.send({ topic: "t", value: "b" }),
        Error,
        "commit()",
      );
      let error: unknown;
      do {
        error = await client.producer.commit().then(() => null, (error) => error);
        if (error !== null) assertEquals((error as TransactionError).kind, "again", `${error}`);
      } while (error !== null);
      assertEquals(brokers.committed, ["a"]);
      client.producer.begin();
      await client.producer.send({ topic: "t", value: "c" });
      await client.producer.commit();
      assertEquals(brokers.committed, ["a", "c"]);
    }
  }
});

Deno.test("init() that got no answer may come again", async () => {
  const brokers = new TransactionBrokers(2);
  brokers.fail("InitProducerId", "hang");
  await using client = produce(brokers, { callTimeoutMs: 400 });
  await fails(() => client.producer.init(), "again");
  await client.producer.init();
  await copy(client.producer, "a", 1);
  assertEquals(brokers.committed.length, 3);
});

Deno.test("partitions whose addition was not answered are aborted at the coordinator", async () => {
  for (const fault of ["lose request", "lose answer"] as const) {
    const brokers = new TransactionBrokers(1);
    await using client = produce(brokers, { callTimeoutMs: 400 });
    await client.producer.init();
    brokers.fail("AddPartitionsToTxn", fault, "hang");
    client.producer.begin();
    await fails(() => client.producer.send({ topic: "t", value: "a" }), "abort");
    await client.producer.abort();
    assert(brokers.asked.includes("EndTxn abort"));
    client.producer.begin();
    client.producer.send({ topic: "t", value: "b" });
    await client.producer.commit();
    assertEquals(brokers.committed, ["b"]);
  }
});

Deno.test("offsets of a member that is gone make an abort necessary, other groups' codes end the producer", async () => {
  for (
    const [code, kind] of [
      [25, "abort"],
      [22, "abort"],
      [82, "abort"],
      [30, "abort"],
      [120, "abort"],
      [43, "fatal"],
      [47, "fenced"],
    ] as const
  ) {
    const brokers = new TransactionBrokers(2);
    await using client = produce(brokers);
    await client.producer.init();
    client.producer.begin();
    brokers.fail("TxnOffsetCommit", code);
    const group = { groupId: "g", memberId: "m", generationId: 3 };
    const error = await fails(
      () => client.producer.sendOffsets(group, [{ topic: "t", partition: 0, offset: 4n }]),
      kind,
    );
    assertEquals(error.code, code);
    await fails(() => client.producer.commit(), kind);
    if (kind === "abort") await client.producer.abort();
  }
});

Deno.test("of offsets those that were taken are not sent again", async () => {
  const brokers = new TransactionBrokers(2);
  await using client = produce(brokers);
  await client.producer.init();
  client.producer.begin();
  brokers.fail("TxnOffsetCommit", 0, 3); // the second request's first partition is unknown for now
  await client.producer.sendOffsets("g", [{ topic: "t", partition: 0, offset: 1 }]);
  await client.producer.sendOffsets(
    "g",
    [0, 1].map((partition) => ({ topic: "t", partition, offset: 2 })),
  );
  await client.producer.commit();
  assertEquals(brokers.asked.filter((text) => text.startsWith("TxnOffsetCommit")), [
    "TxnOffsetCommit g t-0@1",
    "TxnOffsetCommit g t-0@2,t-1@2",
    "TxnOffsetCommit g t-0@2",
  ]);
});

Deno.test("commit() waits for offsets that nobody awaited, and tells when they were refused", async () => {
  const brokers = new TransactionBrokers(2);
  await using client = produce(brokers);
  await client.producer.init();
  client.producer.begin();
  client.producer.sendOffsets("g", [{ topic: "t", partition: 0, offset: 1 }]);
  await client.producer.commit();
  assertEquals(brokers.committed, ["g t-0@1"]);
  client.producer.begin();
  brokers.fail("TxnOffsetCommit", 25);
  client.producer.sendOffsets("g", [{ topic: "t", partition: 0, offset: 2 }]);
  await fails(() => client.producer.commit(), "abort", "UNKNOWN_MEMBER_ID");
});

Deno.test("a producer id that the coordinator forgot is asked for anew below version 2, without an EndTxn", async () => {
  const brokers = new TransactionBrokers(1);
  await using client = produce(brokers);
  await client.producer.init();
  client.producer.begin();
  brokers.fail("AddPartitionsToTxn", 49);
  await fails(
    () => client.producer.send({ topic: "t", value: "a" }),
    "abort",
    "INVALID_PRODUCER_ID_MAPPING",
  );
  await client.producer.abort();
  assertEquals(brokers.asked.slice(2), ["InitProducerId 100/0"]);
});

Deno.test("TRANSACTION_ABORTABLE in the answer to a commit leaves the abort", async () => {
  const brokers = new TransactionBrokers(2);
  await using client = produce(brokers);
  await client.producer.init();
  client.producer.begin();
  await client.producer.send({ topic: "t", value: "a" });
  brokers.fail("EndTxn", 120);
  await fails(() => client.producer.commit(), "abort");
  await client.producer.abort();
  assertEquals(brokers.committed, []);
});

Deno.test("when the epochs are used up the producer goes on with the id it is given", async () => {
  const brokers = new TransactionBrokers(2);
  await using client = produce(brokers);
  await client.producer.init();
  for (let i = 0; i <= LAST_EPOCH; i++) {
    client.producer.begin();
    client.producer.send({ topic: "t", partition: 0, value: `${i}` });
    await client.producer.commit();
  }
  assertEquals(brokers.producerId, 101);
  assertEquals(brokers.committed.length, LAST_EPOCH + 1);
});

Deno.test("a cluster that goes on to version 2 is followed with the next transaction, under a new epoch", async () => {
  const brokers = new TransactionBrokers(1);
  await using client = produce(brokers);
  await client.producer.init();
  client.producer.begin();
  await client.producer.send({ topic: "t", partition: 0, value: "a" });
  brokers.finalize(2);
  brokers.fail("EndTxn", "lose answer"); // so that it connects anew, and hears of it
  await client.producer.commit();
  const before = brokers.asked.length;
  client.producer.begin();
  await client.producer.send({ topic: "t", partition: 0, value: "b" });
  await client.producer.commit();
  assertEquals(brokers.asked[before - 1], "InitProducerId 100/0");
  assertEquals(brokers.asked.slice(before), ["Produce t-0 100/1 #0", "EndTxn commit"]);
  assertEquals(brokers.committed, ["a", "b"]);
});

Deno.test("calls out of their order are refused with what has to come", async () => {
  const brokers = new TransactionBrokers(2);
  await using client = produce(brokers);
  const { producer } = client;
  assertThrows(
    () => producer.begin(),
    Error,
    "Cannot begin with transactional id x: init() comes first",
  );
  await assertRejects(() => producer.send({ topic: "t", value: "a" }), Error, "init() comes first");
  const [once, twice] = [producer.init(), producer.init()];
  await Promise.all([once, twice]);
  assertEquals(brokers.asked, ["InitProducerId"]);
  await assertRejects(() => producer.init(), Error, "only once");
  await assertRejects(() => producer.commit(), Error, "begin() comes first");
  await assertRejects(
    () => producer.send({ topic: "t", value: "a" }),
    Error,
    "begin() comes first",
  );
  producer.begin();
  assertThrows(() => producer.begin(), Error, "a transaction is open");
  const committing = producer.commit();
  await assertRejects(() => producer.abort(), Error, "commit() is on its way");
  await committing;
  await producer.close();
  assertThrows(() => producer.begin(), Error, "the producer is closed");
  assertThrows(
    () => new TransactionalProducer(client.cluster, { transactionalId: "" }),
    Error,
    'transactionalId is ""',
  );
});

Deno.test("close() aborts what is open", async () => {
  const brokers = new TransactionBrokers(2);
  const client = produce(brokers);
  await client.producer.init();
  client.producer.begin();
  await client.producer.send({ topic: "t", value: "a" });
  await client[Symbol.asyncDispose]();
  assertEquals(brokers.asked.at(-1), "EndTxn abort");
});

Deno.test("close() ends in time when nobody answers", async () => {
  const brokers = new TransactionBrokers(2);
  const client = produce(brokers, { callTimeoutMs: 400 });
  await client.producer.init();
  client.producer.begin();
  await client.producer.send({ topic: "t", value: "a" });
  brokers.fail("EndTxn", "hang");
  const beganMs = performance.now();
  await client[Symbol.asyncDispose]();
  assert(performance.now() - beganMs < 2000);
});
