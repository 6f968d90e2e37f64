/**
 * Proves how the first batch of a transaction gets into a partition (KIP-890): when the coordinator is asked and when not,
 * what its answers come to in each version, what is held meanwhile, and that an answer which a marker overtook opens no
 * transaction. The coordinator is a double that answers when the test says so.
 */
import { OPEN_ACCESS } from "../security/acl/access.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ErrorCode } from "../protocol/errors.ts";
import { decode, encode } from "../protocol/codec.ts";
import { Produce } from "../protocol/messages/produce.ts";
import * as batch from "../protocol/records/batch.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { readRecords } from "../protocol/records/record.ts";
import { readNow } from "../testing/read_now.ts";
import { PartitionsFixture } from "../testing/partitions.ts";
import type { TransactionClaim } from "../transactions/transaction_gate.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import type { RequestContext } from "./handler.ts";
import { LocalMarkers } from "./local_markers.ts";
import { produce } from "./produce.ts";
import { ProduceAdmission } from "./produce_admission.ts";

const {
  NONE,
  NOT_ENOUGH_REPLICAS,
  INVALID_PRODUCER_EPOCH,
  INVALID_TXN_STATE,
  INVALID_PRODUCER_ID_MAPPING,
  OUT_OF_ORDER_SEQUENCE_NUMBER,
  CONCURRENT_TRANSACTIONS,
  TRANSACTION_ABORTABLE,
} = ErrorCode;

/** Answers each claim when it is told to. */
class Gate {
  readonly asked: TransactionClaim[] = [];
  readonly #answers: ((errorCode: number) => void)[] = [];
  /** Answered at once; null: when answer() is called. */
  atOnce: number | null = NONE;

  admit(claim: TransactionClaim): Promise<number> {
    this.asked.push(claim);
    if (this.atOnce !== null) return Promise.resolve(this.atOnce);
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  answer(errorCode: number): void {
    for (const resolve of this.#answers.splice(0)) resolve(errorCode);
  }
}

interface Shape {
  readonly id?: number;
  readonly epoch?: number;
  readonly seq?: number;
  readonly count?: number;
  readonly isTransactional?: boolean;
}

async function start({ isVerifying = true } = {}) {
  const fixture = await PartitionsFixture.start();
  await fixture.create("t", 3);
  const { clock, lookup } = fixture, gate = new Gate();
  const told: number[] = [];
  const handler = produce({
    ...lookup,
    clock,
    maxBatchBytes: 1 << 20,
    maxBatchRecords: 1000,
    maxDecompressedBytes: 1 << 20,
    compressionLevel: -1,
    validateLater: () => Promise.reject(new Error("nothing takes long here")),
    turn: { isLong: false, next: () => Promise.resolve() } as never,
    admission: new ProduceAdmission({
      gate,
      isVerifying,
      clock,
      onAnswered: (errorCode) => told.push(errorCode),
    }),
    meter: () => ({ bytesIn: 0, messagesIn: 0 }) as never,
    onError: () => {},
  });
  const markers = new LocalMarkers({
    ...lookup,
    clock,
    listener: { onMarker: () => {} },
  });
  const batchOf = (shape: Shape) => {
    const { id = 7, epoch = 3, seq = 0, count = 1, isTransactional = true } = shape;
    const record = { timestampMs: clock.nowMs(), value: new Uint8Array(4) };
    const producer = { producerId: id, producerEpoch: epoch, baseSequence: seq };
    return buildBatch({ records: Array(count).fill(record), ...producer, isTransactional });
  };
  /** Produces a batch to each of the partitions named; whether the connection was held, and the answers to come. */
  const send = (version: number, batches: Record<number, Shape>, transactionalId = "tx") => {
    const { id: topicId } = lookup.catalogue.topic("t")!;
    const topic = version >= 13 ? { topicId } : { name: "t", topicId: ZERO_UUID };
    const partitionData = Object.entries(batches).map(([index, shape]) => ({
      index: Number(index),
      records: batchOf(shape),
    }));
    const request = decode(
      Produce.request,
      version,
      encode(Produce.request, version, {
        transactionalId,
        acks: -1,
        timeoutMs: 1000,
        topicData: [{ ...topic, partitionData }],
      }),
    );
    let held = null as Promise<unknown> | null;
    const connection = { hold: (until: Promise<unknown>) => held = until };
    const context = {
      apiVersion: version,
      connection,
      access: OPEN_ACCESS,
      quota: null,
    } as unknown as RequestContext;
    // deno-lint-ignore no-explicit-any -- as the dispatcher calls it
    const answer = handler.handle(request, context) as any;
    const answers = Promise.resolve(answer).then(({ responses: [{ partitionResponses }] }) =>
      partitionResponses as {
        errorCode: number;
        errorMessage?: string | null;
        baseOffset: number;
        logAppendTimeMs?: number;
      }[]
    );
    return { held, answers };
  };
  const codes = async (version: number, batches: Record<number, Shape>) =>
    (await send(version, batches).answers).map(({ errorCode }) => errorCode);
  const end = (epoch: number, transactionVersion = 2, partition = 0) =>
    markers.write("t", partition, {
      producerId: 7,
      producerEpoch: epoch,
      isCommit: false,
      coordinatorEpoch: 0,
      transactionVersion,
    });
  return { fixture, gate, told, send, codes, end, clock };
}

for (const version of [12, 13]) {
  Deno.test(`Produce ${version} adds the partition to the transaction with its first batch, and asks nobody for the next ones`, async () => {
    const { gate, codes, send } = await start();
    assertEquals(await codes(version, { 0: {} }), [NONE]);
    assertEquals(gate.asked, [{
      transactionalId: "tx",
      producerId: 7,
      producerEpoch: 3,
      topic: "t",
      partition: 0,
      mode: "add",
      isBeside: true,
    }]);
    const second = send(version, { 0: { seq: 1 } });
    assertEquals(second.held, null);
    assertEquals((await second.answers).map(({ baseOffset }) => baseOffset), [1]);
    assertEquals(gate.asked.length, 1);
  });
}

Deno.test("Produce 11 and below only ask whether the partition was added", async () => {
  const { gate, codes } = await start();
  assertEquals(await codes(11, { 0: {} }), [NONE]);
  assertEquals(await codes(3, { 1: {} }), [NONE]);
  assertEquals(gate.asked.map(({ mode, partition }) => [mode, partition]), [
    ["verify", 0],
    ["verify", 1],
  ]);
});

Deno.test("with transaction.partition.verification.enable off older clients are not asked about, newer ones add all the same", async () => {
  const { gate, codes } = await start({ isVerifying: false });
  assertEquals(await codes(11, { 0: {} }), [NONE]);
  assertEquals(gate.asked, []);
  assertEquals(await codes(12, { 1: {} }), [NONE]);
  assertEquals(gate.asked.map(({ mode }) => mode), ["add"]);
});

Deno.test("a batch outside transactions, and a request without a transactional id, is not asked about", async () => {
  const { gate, codes, send } = await start();
  assertEquals(await codes(12, { 0: { isTransactional: false } }), [NONE]);
  const { held, answers } = send(12, { 1: { isTransactional: false, id: -1, epoch: -1, seq: -1 } });
  assertEquals([held, (await answers)[0].errorCode], [null, NONE]);
  const without = await send(12, { 2: {} }, null as never).answers;
  assertEquals(without[0].errorCode, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  assertEquals(gate.asked, []);
});

Deno.test("all partitions of a request are asked about at once; those whose transaction is open are not", async () => {
  const { gate, codes, send } = await start();
  await codes(12, { 1: {} });
  gate.asked.length = 0;
  gate.atOnce = null;
  const { held, answers } = send(12, { 0: {}, 1: { seq: 1 }, 2: {} });
  await Promise.resolve();
  assertEquals(gate.asked.map(({ partition }) => partition), [0, 2]);
  gate.answer(NONE);
  assert(held !== null);
  assertEquals((await answers).map(({ errorCode }) => errorCode), [NONE, NONE, NONE]);
});

Deno.test("the connection is held until the batches are appended, so that they keep their order", async () => {
  const { gate, send, fixture } = await start();
  gate.atOnce = null;
  const { held, answers } = send(12, { 0: {} });
  let isReleased = false;
  held!.then(() => isReleased = true);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals([isReleased, fixture.log("t").logEndOffset], [false, 0]);
  gate.answer(NONE);
  await held;
  assertEquals(fixture.log("t").logEndOffset, 1);
  assertEquals((await answers)[0].errorCode, NONE);
});

Deno.test("one partition that the coordinator refuses keeps no other from being written", async () => {
  const { gate, send } = await start();
  gate.admit = ({ partition }) => Promise.resolve(partition === 1 ? TRANSACTION_ABORTABLE : NONE);
  const answers = await send(11, { 0: {}, 1: {}, 2: {} }).answers;
  assertEquals(answers.map(({ errorCode }) => errorCode), [NONE, TRANSACTION_ABORTABLE, NONE]);
});

const UNABLE =
  "Unable to verify the partition has been added to the transaction. Underlying error: ";
const NOT_ADDED = "Partition was not added to the transaction";

/** [the coordinator's code, what Produce 10, 11 and 12 answer, the message with 12] */
const MAPPED: [number, [number, number, number], string | null][] = [
  [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, [19, 19, 19], `${UNABLE}COORDINATOR_LOAD_IN_PROGRESS`],
  [ErrorCode.COORDINATOR_NOT_AVAILABLE, [19, 19, 19], `${UNABLE}COORDINATOR_NOT_AVAILABLE`],
  [ErrorCode.NOT_COORDINATOR, [19, 19, 19], `${UNABLE}NOT_COORDINATOR`],
  [ErrorCode.PRODUCER_FENCED, [47, 47, 47], null],
  [INVALID_PRODUCER_EPOCH, [47, 47, 47], null],
  [INVALID_PRODUCER_ID_MAPPING, [49, 49, 49], null],
  [INVALID_TXN_STATE, [48, 48, 48], NOT_ADDED],
  [TRANSACTION_ABORTABLE, [48, 120, 120], null],
];

for (const [code, expected, message] of MAPPED) {
  Deno.test(`the coordinator's ${code} is ${expected} in Produce 10, 11 and 12, and nothing is written`, async () => {
    const { gate, send, told, fixture } = await start();
    gate.atOnce = code;
    const answers = [];
    for (const version of [10, 11, 12]) answers.push((await send(version, { 0: {} }).answers)[0]);
    assertEquals(answers.map(({ errorCode }) => errorCode), expected);
    assertEquals(answers[2].errorMessage ?? null, message);
    assertEquals(told, [code, code, code]);
    assertEquals(fixture.log("t").logEndOffset, 0);
  });
}

Deno.test("while the last transaction is being ended (51) an old client gets 19 at once", async () => {
  const { gate, send } = await start();
  gate.atOnce = CONCURRENT_TRANSACTIONS;
  const [{ errorCode, errorMessage }] = await send(11, { 0: {} }).answers;
  assertEquals([errorCode, errorMessage], [
    NOT_ENOUGH_REPLICAS,
    `${UNABLE}CONCURRENT_TRANSACTIONS`,
  ]);
});

Deno.test("Produce 12 gets the 51 that the coordinator gives once it has waited itself, and nobody asks it twice", async () => {
  const { gate, codes, told } = await start();
  gate.atOnce = CONCURRENT_TRANSACTIONS;
  assertEquals(await codes(12, { 0: {} }), [CONCURRENT_TRANSACTIONS]);
  assertEquals([gate.asked.length, told], [1, [CONCURRENT_TRANSACTIONS]]);
});

Deno.test("a coordinator that fails in itself leaves nothing behind of who asked", async () => {
  const { fixture, gate, send, codes } = await start();
  gate.admit = () => Promise.reject(new Error("a bug"));
  const { answers } = send(12, { 0: {} });
  await assertRejects(() => answers, Error, "a bug");
  assertEquals(fixture.log("t").producers.verifications?.size, 0);
  Reflect.deleteProperty(gate, "admit");
  assertEquals(await codes(12, { 0: {} }), [NONE]);
});

Deno.test("a marker that overtakes the coordinator's answer makes the append fail: no transaction hangs", async () => {
  for (const version of [11, 12]) {
    const { gate, send, end, fixture } = await start();
    gate.atOnce = null;
    const { answers } = send(version, { 0: {} });
    await new Promise((resolve) => setTimeout(resolve));
    // The transaction timed out: its epoch is fenced, and so is what comes of it.
    assertEquals(await end(4, version < 12 ? 0 : 2), NONE);
    gate.answer(NONE);
    const [{ errorCode }] = await answers;
    assertEquals(errorCode, INVALID_PRODUCER_EPOCH);
    assertEquals(fixture.log("t").producers.firstUndecidedOffset, null);
  }
});

Deno.test("the same with a marker of the transaction's own epoch (versions 0 and 1): the answer is void, though the epoch is not", async () => {
  const { gate, send, end, fixture, codes } = await start();
  gate.atOnce = null;
  const { answers } = send(11, { 0: {} });
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(await end(3, 0), NONE);
  gate.answer(NONE);
  assertEquals((await answers)[0].errorCode, INVALID_TXN_STATE);
  assertEquals(fixture.batches("t"), ["abort 7/3 c0"]);
  gate.atOnce = NONE; // the next transaction of the same epoch
  assertEquals(await codes(11, { 0: {} }), [NONE]);
});

Deno.test("so is it where a client adds its partitions with Produce 12, and ends the transaction as older ones do", async () => {
  const { gate, send, end, fixture } = await start();
  gate.atOnce = null;
  const { answers } = send(12, { 0: {} });
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(await end(3, 0), NONE);
  gate.answer(NONE);
  assertEquals((await answers)[0].errorCode, INVALID_TXN_STATE);
  assertEquals(fixture.log("t").producers.firstUndecidedOffset, null);
});

Deno.test("under version 2 the marker of the last transaction has the epoch of the next, whose answer stays good", async () => {
  const { gate, send, end, codes, fixture } = await start();
  assertEquals(await codes(12, { 0: { epoch: 3 } }), [NONE]);
  gate.atOnce = null;
  const { answers } = send(12, { 0: { epoch: 4 } });
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(await end(4), NONE);
  gate.answer(NONE);
  assertEquals((await answers)[0].errorCode, NONE);
  assertEquals(fixture.batches("t"), ["data 7/3", "abort 7/4 c0", "data 7/4"]);
  assertEquals(fixture.log("t").producers.firstUndecidedOffset, 2);
});

Deno.test("an older epoch than the partition knows is 47 without asking", async () => {
  const { gate, codes } = await start();
  await codes(12, { 0: { epoch: 5 } });
  gate.asked.length = 0;
  assertEquals(await codes(12, { 0: { epoch: 4 } }), [INVALID_PRODUCER_EPOCH]);
  assertEquals(gate.asked, []);
});

Deno.test("a batch that was written already is answered as such, with when that was, and nobody is asked", async () => {
  const { gate, codes, send, end, clock } = await start();
  const writtenMs = clock.nowMs();
  await codes(11, { 0: { count: 2 } });
  await end(3, 0);
  gate.asked.length = 0;
  clock.advance(1000);
  const [{ errorCode, baseOffset, logAppendTimeMs }] = await send(11, { 0: { count: 2 } }).answers;
  assertEquals([errorCode, baseOffset, logAppendTimeMs], [NONE, 0, writtenMs]);
  assertEquals(gate.asked, []);
});

Deno.test("under version 2 a producer that the partition does not know begins at sequence 0", async () => {
  const { codes } = await start();
  assertEquals(await codes(12, { 0: { seq: 5 } }), [OUT_OF_ORDER_SEQUENCE_NUMBER]);
  assertEquals(await codes(11, { 1: { seq: 5 } }), [NONE]); // before it, retention may have taken what it knew
});

Deno.test("a later batch does not get in while an earlier one has to be sent again", async () => {
  const { gate, codes } = await start();
  gate.atOnce = ErrorCode.NOT_COORDINATOR;
  assertEquals(await codes(11, { 0: { seq: 3 } }), [NOT_ENOUGH_REPLICAS]);
  gate.atOnce = NONE;
  assertEquals(await codes(11, { 0: { seq: 4 } }), [OUT_OF_ORDER_SEQUENCE_NUMBER]);
  assertEquals(await codes(11, { 0: { seq: 3 } }), [NONE]);
  assertEquals(await codes(11, { 0: { seq: 4 } }), [NONE]);
});

Deno.test("what the coordinator refuses for good is not remembered", async () => {
  const { gate, codes, fixture } = await start();
  gate.atOnce = INVALID_PRODUCER_ID_MAPPING;
  for (let id = 100; id < 120; id++) await codes(12, { 0: { id } });
  assertEquals(fixture.log("t").producers.verifications!.size, 0);
});

Deno.test("a request with batches of two producers is 49, as in Kafka", async () => {
  const { gate, send } = await start();
  const answers = await send(12, { 0: { id: 7 }, 1: { id: 8 } }).answers;
  assertEquals(answers.map(({ errorCode }) => errorCode), [49, 49]);
  assertEquals(gate.asked, []);
});

Deno.test("where the topic stamps or packs batches itself, one that waited is stored as any other", async () => {
  for (
    const own of [
      { "message.timestamp.type": "LogAppendTime" },
      { "compression.type": "gzip" },
    ] as const
  ) {
    const { send, fixture, clock, gate } = await start();
    const log = fixture.log("t");
    log.config = { ...log.config, ...own };
    gate.atOnce = null;
    const { answers } = send(12, { 0: { count: 20 } });
    await new Promise((resolve) => setTimeout(resolve));
    clock.advance(500);
    gate.answer(NONE);
    assertEquals((await answers)[0].errorCode, NONE);
    const bytes = readNow(log, 0, { maxBytes: 1 << 16, bound: "leo", minOneBatch: true })!;
    assert(batch.isIntact(bytes));
    const isStamped = "message.timestamp.type" in own;
    assertEquals(batch.isLogAppendTime(bytes), isStamped);
    assertEquals(batch.maxTimestamp(bytes), clock.nowMs() - (isStamped ? 0 : 500));
    assertEquals([...readRecords(bytes)].length, 20);
  }
});

Deno.test("a partition that goes while the coordinator is asked is answered as one that is not there", async () => {
  const { gate, send, fixture } = await start();
  gate.atOnce = null;
  const { answers } = send(12, { 0: {} });
  await new Promise((resolve) => setTimeout(resolve));
  fixture.setOffline("t", 0, "gone");
  gate.answer(NONE);
  assertEquals((await answers)[0].errorCode, ErrorCode.KAFKA_STORAGE_ERROR);
});

Deno.test("an answer is good although the producers' state is read anew meanwhile, after a write that failed", async () => {
  const { gate, send, fixture } = await start();
  gate.atOnce = null;
  const { answers } = send(12, { 0: {} });
  await new Promise((resolve) => setTimeout(resolve));
  fixture.store.fail({
    on: "append",
    pathEndsWith: "t-0/00000000000000000000.log",
    kind: "noSpace",
  });
  const failing = await send(12, { 0: { id: -1, epoch: -1, seq: -1, isTransactional: false } })
    .answers;
  assertEquals(failing[0].errorCode, ErrorCode.KAFKA_STORAGE_ERROR);
  gate.answer(NONE);
  assertEquals((await answers)[0].errorCode, NONE);
});
