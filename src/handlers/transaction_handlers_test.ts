/**
 * Proves what the handlers of transactions add to the coordinator: which code each version gets, what is checked before the
 * coordinator is asked, and the shape of every answer, through the codec in every version served.
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "../protocol/errors.ts";
import { AddOffsetsToTxn } from "../protocol/messages/add_offsets_to_txn.ts";
import { AddPartitionsToTxn } from "../protocol/messages/add_partitions_to_txn.ts";
import { DescribeTransactions } from "../protocol/messages/describe_transactions.ts";
import { EndTxn } from "../protocol/messages/end_txn.ts";
import { FindCoordinator } from "../protocol/messages/find_coordinator.ts";
import { InitProducerId } from "../protocol/messages/init_producer_id.ts";
import { ListTransactions } from "../protocol/messages/list_transactions.ts";
import type { Encodable } from "../protocol/schema.ts";
import { Turn } from "../background/turn.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import type { NodeRegistry } from "../topics/node_registry.ts";
import { Patterns } from "../groups/consumer/patterns.ts";
import { Access } from "../security/acl/access.ts";
import { Authorizer } from "../security/acl/authorizer.ts";
import { ask, everyVersion } from "../testing/admin.ts";
import { someAnswers } from "../testing/answers.ts";
import { TransactionDesk } from "../testing/transactions.ts";
import { addOffsetsToTxn } from "./add_offsets_to_txn.ts";
import { addPartitionsToTxn } from "./add_partitions_to_txn.ts";
import { describeTransactions } from "./describe_transactions.ts";
import { endTxn } from "./end_txn.ts";
import { findCoordinator } from "./find_coordinator.ts";
import type { Handler } from "./handler.ts";
import { initProducerId } from "./init_producer_id.ts";
import { listTransactions } from "./list_transactions.ts";
import { LongAnswers } from "./long_answers.ts";

const { INVALID_PRODUCER_EPOCH, NONE, PRODUCER_FENCED } = ErrorCode;

Deno.test("a fenced producer is told so by the code that its version knows", async () => {
  const { desk, handlers, request } = await start();
  const fenced = await desk.open("id");
  await desk.init("id");
  await desk.settle();
  const current = await desk.init("id");
  const as = { producerId: fenced.producerId, producerEpoch: fenced.producerEpoch };
  await everyVersion(handlers.endTxn, async (version) => {
    const answer = await request(handlers.endTxn, EndTxn, version, {
      transactionalId: "id",
      ...as,
      committed: true,
    });
    assertEquals(answer.errorCode, version >= 2 ? PRODUCER_FENCED : INVALID_PRODUCER_EPOCH);
  });
  await everyVersion(handlers.addOffsets, async (version) => {
    const asked = { transactionalId: "id", ...as, groupId: "g" };
    const answer = await request(handlers.addOffsets, AddOffsetsToTxn, version, asked);
    assertEquals(answer.errorCode, version >= 2 ? PRODUCER_FENCED : INVALID_PRODUCER_EPOCH);
  });
  await everyVersion(handlers.addPartitions, async (version) => {
    const codes = await added(request, handlers.addPartitions, version, { ...as, topic: "t" });
    assertEquals(codes, [version >= 2 ? PRODUCER_FENCED : INVALID_PRODUCER_EPOCH]);
  });
  for (const version of [3, 4, 5]) {
    const answer = await request(handlers.initProducerId, InitProducerId, version, {
      transactionalId: "id",
      transactionTimeoutMs: 1000,
      producerId: current.producerId,
      producerEpoch: 0,
    });
    assertEquals(answer.errorCode, version >= 4 ? PRODUCER_FENCED : INVALID_PRODUCER_EPOCH);
  }
});

Deno.test("a whole transaction in every version of its requests", async () => {
  const { desk, handlers, request } = await start();
  for (let version = 0; version <= 5; version++) {
    desk.version = version >= 5 ? 2 : 0;
    const given = await request(handlers.initProducerId, InitProducerId, version, {
      transactionalId: "id",
      transactionTimeoutMs: 1000,
    });
    assertEquals(given.errorCode, NONE);
    const as = { producerId: given.producerId, producerEpoch: given.producerEpoch };
    const codes = await added(request, handlers.addPartitions, Math.min(version, 3), {
      ...as,
      topic: "t",
    });
    assertEquals(codes, [NONE]);
    const offsets = await request(handlers.addOffsets, AddOffsetsToTxn, Math.min(version, 4), {
      transactionalId: "id",
      ...as,
      groupId: "g",
    });
    assertEquals(offsets.errorCode, NONE);
    const ended = await request(handlers.endTxn, EndTxn, version, {
      transactionalId: "id",
      ...as,
      committed: true,
    });
    const next = version >= 5 ? [as.producerId, as.producerEpoch + 1] : [-1, -1];
    assertEquals([ended.errorCode, ended.producerId, ended.producerEpoch], [NONE, ...next]);
    assertEquals(desk.stateOf("id"), "CompleteCommit");
    const what = `${as.producerId}/${as.producerEpoch + (version >= 5 ? 1 : 0)} c0`;
    assertEquals(desk.markers.written.splice(0), [
      `commit t-0 ${what} v${version >= 5 ? 2 : 0}`,
      `commit __consumer_offsets-3 ${what} v${version >= 5 ? 2 : 0}`,
    ]);
  }
});

Deno.test("partitions that do not exist are 3, internal topics to clients 29, and nothing of the transaction is added", async () => {
  const { desk, handlers, request } = await start();
  const { producerId, producerEpoch } = await desk.init("id");
  const topics = [
    { name: "t", partitions: [0, 0, 9] },
    { name: "none", partitions: [0] },
    { name: "__consumer_offsets", partitions: [0] },
    { name: "t", partitions: [1] },
  ];
  const { resultsByTopicV3AndBelow } = await request(
    handlers.addPartitions,
    AddPartitionsToTxn,
    3,
    {
      v3AndBelowTransactionalId: "id",
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: topics,
    },
  );
  const shown = resultsByTopicV3AndBelow.map(({ name, resultsByPartition }) => [
    name,
    resultsByPartition.map((one) => [one.partitionIndex, one.partitionErrorCode]),
  ]);
  assertEquals(shown, [
    ["t", [[0, 55], [9, 3], [1, 55]]],
    ["none", [[0, 3]]],
    ["__consumer_offsets", [[0, 29]]],
  ]);
  assertEquals(desk.stateOf("id"), "Empty");
});

Deno.test("many transactions are added to and verified in one request; none at all is answered too", async () => {
  const { desk, handlers, request } = await start();
  const a = await desk.open("a"), b = await desk.init("b");
  for (const version of [4, 5]) {
    const answer = await request(handlers.addPartitions, AddPartitionsToTxn, version, {
      transactions: [
        {
          transactionalId: "a",
          ...a,
          verifyOnly: true,
          topics: [{ name: "t", partitions: [0, 1] }],
        },
        {
          transactionalId: "b",
          producerId: b.producerId,
          producerEpoch: b.producerEpoch,
          verifyOnly: false,
          topics: [{ name: "t", partitions: [2] }, { name: "__consumer_offsets", partitions: [3] }],
        },
        { transactionalId: "c", ...a, verifyOnly: true, topics: [{ name: "t", partitions: [0] }] },
        { transactionalId: "", ...a, verifyOnly: false, topics: [{ name: "t", partitions: [0] }] },
      ],
    });
    const codes = answer.resultsByTransaction.map(({ transactionalId, topicResults }) => [
      transactionalId,
      topicResults.flatMap(({ resultsByPartition }) =>
        resultsByPartition.map((one) => one.partitionErrorCode)
      ),
    ]);
    assertEquals(codes, [["a", [0, 120]], ["b", [0, 0]], ["c", [49]], ["", [42]]]);
    assertEquals(desk.stateOf("b"), "Ongoing");
    const none = await request(handlers.addPartitions, AddPartitionsToTxn, version, {
      transactions: [],
    });
    assertEquals([none.errorCode, none.resultsByTransaction], [0, []]);
  }
});

Deno.test("a group's partition cannot be added while there is no topic to keep offsets in (15)", async () => {
  const { desk } = await start();
  const groups = { ensureTopic: () => Promise.resolve(), partitionFor: () => null };
  const handler = addOffsetsToTxn({ transactions: desk.coordinator, groups });
  const asked = { transactionalId: "id", producerId: 1, producerEpoch: 0, groupId: "g" };
  const answer = await ask(handler, AddOffsetsToTxn, 4, asked);
  assertEquals(answer.errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE);
});

Deno.test("transactions are described with what is still to be done, unknown ids 105, an empty one 42", async () => {
  const { desk, handlers, request } = await start();
  const as = await desk.open("id", [0, 2]);
  const describe = async () => {
    const asked = { transactionalIds: ["id", "other", ""] };
    return (await request(handlers.describe, DescribeTransactions, 0, asked)).transactionStates;
  };
  const [open, unknown, empty] = await describe();
  assertEquals([unknown.errorCode, empty.errorCode], [105, 42]);
  assertEquals(open, {
    errorCode: 0,
    transactionalId: "id",
    transactionState: "Ongoing",
    transactionTimeoutMs: 60_000,
    transactionStartTimeMs: desk.clock.nowMs(),
    producerId: 1000,
    producerEpoch: 0,
    topics: [{ topic: "t", partitions: [0, 2] }],
  });
  desk.markers.codes.set("t-2", 56);
  await desk.after(desk.end("id", as, false));
  const [ending] = await describe();
  assertEquals(ending.transactionState, "PrepareAbort");
  assertEquals(ending.topics, [{ topic: "t", partitions: [2] }]);
});

Deno.test("transactions are listed by state, producer, age and pattern, in the versions that have it", async () => {
  const { desk, handlers, request } = await start();
  await desk.init("idle-1");
  await desk.open("open-1");
  await desk.pass(5000);
  await desk.open("open-2");
  const list = async (
    version: number,
    filter: Partial<Encodable<typeof ListTransactions.request>>,
  ) => {
    const answer = await request(handlers.list, ListTransactions, version, {
      stateFilters: [],
      producerIdFilters: [],
      ...filter,
    });
    const ids = answer.transactionStates.map(({ transactionalId }) => transactionalId);
    return [answer.errorCode, ids, answer.unknownStateFilters];
  };
  await everyVersion(handlers.list, async (version) => {
    assertEquals(await list(version, {}), [0, ["idle-1", "open-1", "open-2"], []]);
  });
  assertEquals(await list(0, { stateFilters: ["Ongoing", "Odd"] }), [0, ["open-1", "open-2"], [
    "Odd",
  ]]);
  assertEquals(await list(0, { stateFilters: ["Odd"] }), [0, [], ["Odd"]]);
  assertEquals(await list(0, { producerIdFilters: [1000] }), [0, ["idle-1"], []]);
  assertEquals(await list(1, { durationFilter: 1000 }), [0, ["idle-1", "open-1"], []]);
  assertEquals(await list(2, { transactionalIdPattern: "open-.*" }), [
    0,
    ["open-1", "open-2"],
    [],
  ]);
  assertEquals(await list(2, { transactionalIdPattern: "open" }), [0, [], []]);
  assertEquals(await list(2, { transactionalIdPattern: "" }), [
    0,
    ["idle-1", "open-1", "open-2"],
    [],
  ]);
  for (const wrong of ["(", "(?<=a)b", "(a{1,1000}){1,1000}"]) {
    assertEquals(await list(2, { transactionalIdPattern: wrong }), [128, [], []]);
  }
});

Deno.test("the coordinator of a transactional id is the leader of its partition, once there is a topic", async () => {
  const { desk } = await start();
  desk.partitionCount = 0;
  const groups = {
    ensureTopic: () => Promise.reject(new Error("no group was asked for")),
    partitionFor: () => null,
    failureOf: () => null,
  };
  const catalogue = {
    topic: (name: string) =>
      name === "__transaction_state" && desk.partitionCount > 0
        ? { partitions: [{ leaderId: 1 }] }
        : undefined,
  } as unknown as Catalogue;
  const nodes = {
    selfId: 1,
    node: (id: number) => id === 1 ? { id, host: "h", port: 9092 } : undefined,
  } as unknown as NodeRegistry;
  const handler = findCoordinator({
    groups,
    transactions: desk.coordinator,
    catalogue,
    nodes,
    answers: someAnswers(),
  });
  for (let version = 1; version <= 3; version++) {
    const { errorCode, nodeId } = await ask(handler, FindCoordinator, version, {
      key: "id",
      keyType: 1,
    });
    assertEquals([errorCode, nodeId], [0, 1]);
  }
  const { coordinators } = await ask(handler, FindCoordinator, 6, {
    keyType: 1,
    coordinatorKeys: ["a", ""],
  });
  assertEquals(coordinators.map(({ key, errorCode }) => [key, errorCode]), [["a", 0], ["", 0]]);
});

Deno.test("who describes a large transaction again and again gets no more than an answer may be", async () => {
  const { desk, handlers, request } = await start();
  await desk.open("id", Array.from({ length: 500 }, (_, i) => i));
  const transactionalIds = Array(1000).fill("id");
  const { transactionStates } = await request(handlers.describe, DescribeTransactions, 0, {
    transactionalIds,
  });
  const codes = transactionStates.map(({ errorCode }) => errorCode);
  assertEquals([codes.length, codes[0], codes.at(-1)], [1000, NONE, ErrorCode.INVALID_REQUEST]);
  assert(codes.filter((code) => code === NONE).length < 10);
});

Deno.test("ids that the asker may not describe are not matched: what that costs shows nothing of them", async () => {
  const { desk, handlers, request } = await start();
  await desk.open("x".repeat(300));
  const authorizer = new Authorizer({ superUsers: [], allowEveryoneIfNoAclFound: false });
  const access = new Access(authorizer, { principal: "User:mallory", peer: "10.0.0.1" });
  const asked = { transactionalIdPattern: "x{400}" }; // which takes too long with such an id
  const answer = await request(handlers.list, ListTransactions, 2, asked, access);
  assertEquals([answer.errorCode, answer.transactionStates], [NONE, []]);
  const ofAll = await request(handlers.list, ListTransactions, 2, asked);
  assertEquals(ofAll.errorCode, ErrorCode.INVALID_REGULAR_EXPRESSION);
});

async function start() {
  const desk = await TransactionDesk.loaded({ maxIds: 100 });
  const { coordinator: transactions } = desk;
  const partitions = Array.from({ length: 4 }, () => ({}));
  const catalogue = {
    topic: (name: string) =>
      ["t", "__consumer_offsets"].includes(name) ? { partitions } : undefined,
  } as unknown as Catalogue;
  const patterns = new Patterns({
    topics: { state: {}, names: () => [] },
    matchLater: () => Promise.resolve({ fault: "it takes too long" }),
  });
  const groups = { ensureTopic: () => Promise.resolve(), partitionFor: () => 3 };
  const handlers = {
    initProducerId: initProducerId({ transactions, newProducerId: () => Promise.resolve(5) }),
    addPartitions: addPartitionsToTxn({ transactions, catalogue, answers: someAnswers() }),
    addOffsets: addOffsetsToTxn({ transactions, groups }),
    endTxn: endTxn(transactions),
    describe: describeTransactions(
      transactions,
      new LongAnswers({ turn: new Turn(), maxBytes: MAX_ANSWER_BYTES }),
    ),
    list: listTransactions({ transactions, patterns, clock: desk.clock }),
  };
  const request: Ask = (handler, api, version, body, access) =>
    desk.after(ask(handler, api, version, body, access));
  return { desk, handlers, request };
}

const MAX_ANSWER_BYTES = 10_000;

type Ask = typeof ask;

/** The codes of one partition, whichever the version. */
async function added(
  request: Ask,
  handler: Handler,
  version: number,
  { producerId, producerEpoch, topic }: {
    producerId: number;
    producerEpoch: number;
    topic: string;
  },
): Promise<number[]> {
  const topics = [{ name: topic, partitions: [0] }];
  const asked = version >= 4
    ? {
      transactions: [{
        transactionalId: "id",
        producerId,
        producerEpoch,
        verifyOnly: false,
        topics,
      }],
    }
    : {
      v3AndBelowTransactionalId: "id",
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: topics,
    };
  const answer = await request(handler, AddPartitionsToTxn, version, asked);
  const results = version >= 4
    ? answer.resultsByTransaction[0].topicResults
    : answer.resultsByTopicV3AndBelow;
  return results[0].resultsByPartition.map((one) => one.partitionErrorCode);
}
