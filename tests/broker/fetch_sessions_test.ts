/**
 * Proves incremental fetch sessions (KIP-227): what an answer names and leaves out, and how a session ends.
 */
import { assert, assertEquals } from "@std/assert";
import type { Connection } from "../../src/client/connection.ts";
import { DeleteRecords } from "../../src/protocol/messages/delete_records.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { Fetch } from "../../src/protocol/messages/fetch.ts";
import { append, fetch, type FetchCall, type FetchOptions, valuesIn } from "./calls.ts";
import { TestBroker, within } from "./harness.ts";

/** One session, whose epochs go up by themselves. */
class Session {
  id = 0;
  epoch = 0;
  constructor(readonly connection: Connection, readonly version = 12) {}

  /** The next fetch of the session; partitions answered as "topic-partition error" with their values. */
  async fetch(topics: readonly FetchCall[] = [], options: FetchOptions = {}) {
    const where = { sessionId: this.id, sessionEpoch: this.epoch, ...options };
    const answer = await fetch(this.connection, topics, where, this.version);
    if (this.epoch === 0) this.id = answer.sessionId;
    if (answer.errorCode === 0) this.epoch++;
    const partitions = answer.responses.flatMap(({ topic, partitions }) =>
      partitions.map(({ partitionIndex, errorCode, records }) =>
        [`${topic}-${partitionIndex}`, errorCode || valuesIn(records).join()] as const
      )
    );
    return { code: answer.errorCode, sessionId: answer.sessionId, partitions };
  }
}

const of = (...partitions: [partition: number, fetchOffset: number][]): FetchCall[] => [{
  topic: "t",
  partitions: partitions.map(([partition, fetchOffset]) => ({ partition, fetchOffset })),
}];

async function opened(broker: TestBroker, topics = of([0, 0], [1, 0], [2, 0])) {
  await broker.createTopic("t", { partitions: 3 });
  const connection = await broker.connect();
  const session = new Session(connection);
  const first = await session.fetch(topics);
  assert(session.id > 0);
  return { connection, session, first };
}

Deno.test("the first answer names every partition, the next only those with news", async () => {
  await using broker = await TestBroker.start();
  const { connection, session, first } = await opened(broker);
  assertEquals(first.partitions, [["t-0", ""], ["t-1", ""], ["t-2", ""]]);
  assertEquals(await session.fetch(), { code: 0, sessionId: session.id, partitions: [] });
  await append(connection, "t", ["a"], { partition: 1 });
  assertEquals((await session.fetch()).partitions, [["t-1", "a"]]);
  assertEquals((await session.fetch()).partitions, [["t-1", "a"]], "until its offset moves");
  assertEquals((await session.fetch(of([1, 1]))).partitions, []);
});

Deno.test("a poll in a session waits for all of its partitions", async () => {
  await using broker = await TestBroker.start();
  const { session } = await opened(broker);
  const poll = session.fetch([], { maxWaitMs: 60_000 });
  await broker.arrived(Fetch, 2);
  await append(await broker.connect(), "t", ["a"], { partition: 2 });
  assertEquals((await within(poll, "the poll")).partitions, [["t-2", "a"]]);
});

Deno.test("a new log start is news", async () => {
  await using broker = await TestBroker.start();
  const { connection, session } = await opened(broker);
  await append(connection, "t", ["a", "b"]);
  await session.fetch(of([0, 2]));
  assertEquals((await session.fetch()).partitions, []);
  await connection.request(DeleteRecords, 2, {
    topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: 1 }] }],
    timeoutMs: 1000,
  });
  assertEquals((await session.fetch()).partitions, [["t-0", ""]]);
  assertEquals((await session.fetch()).partitions, []);
});

Deno.test("partitions come into a session and are forgotten by name", async () => {
  await using broker = await TestBroker.start();
  const { connection, session } = await opened(broker, of([0, 0]));
  for (const partition of [0, 1, 2]) await append(connection, "t", [`${partition}`], { partition });
  assertEquals((await session.fetch(of([2, 0]))).partitions, [["t-0", "0"], ["t-2", "2"]]);
  const forgotten = [{ topic: "t", partitions: [0] }];
  assertEquals((await session.fetch([], { forgotten })).partitions, [["t-2", "2"]]);
  assertEquals((await session.fetch()).partitions, [["t-2", "2"]]);
});

Deno.test("a bad offset is reported every time, an unknown partition too", async () => {
  await using broker = await TestBroker.start();
  const { session, first } = await opened(broker, of([0, 0], [1, 77], [9, 0]));
  const bad = [["t-1", 1], ["t-9", 3]] as const;
  assertEquals(first.partitions, [["t-0", ""], ...bad]);
  for (let i = 0; i < 3; i++) assertEquals((await session.fetch()).partitions, [...bad]);
});

Deno.test("a topic that is deleted is reported, and the session goes on", async () => {
  await using broker = await TestBroker.start();
  const { connection, session } = await opened(broker, of([0, 0]));
  await broker.createTopic("u");
  await session.fetch([{ topic: "u", partitions: [{ partition: 0, fetchOffset: 0 }] }]);
  await connection.request(DeleteTopics, 6, { topics: [{ name: "t" }], timeoutMs: 1000 });
  await append(connection, "u", ["a"]);
  const { partitions } = await session.fetch();
  assertEquals(partitions.toSorted(), [["t-0", 3], ["u-0", "a"]]);
});

Deno.test("an unknown session is 70, an epoch that is not next 71, and the session goes on after it", async () => {
  await using broker = await TestBroker.start();
  const { session } = await opened(broker);
  for (const sessionEpoch of [0, 2, 7, 2 ** 31 - 1]) {
    if (sessionEpoch === 0) continue; // opens another
    const refused = await session.fetch([], { sessionEpoch });
    assertEquals(refused, { code: 71, sessionId: 0, partitions: [] });
  }
  const unknown = await session.fetch([], { sessionId: session.id ^ 1 });
  assertEquals(unknown, { code: 70, sessionId: 0, partitions: [] });
  assertEquals((await session.fetch()).code, 0);
});

Deno.test("epoch -1 ends a session, epoch 0 puts another in its place", async () => {
  await using broker = await TestBroker.start();
  const { session } = await opened(broker);
  const old = session.id;
  session.epoch = 0;
  assertEquals((await session.fetch(of([0, 0]))).code, 0);
  assert(session.id !== old);
  assertEquals((await session.fetch([], { sessionId: old })).code, 70);
  const last = await session.fetch(of([1, 0]), { sessionEpoch: -1 });
  assertEquals(last, { code: 0, sessionId: 0, partitions: [["t-1", ""]] });
  assertEquals((await session.fetch([], { sessionEpoch: 1 })).code, 70);
});

Deno.test("a session whose last partition is forgotten is over", async () => {
  await using broker = await TestBroker.start();
  const { session } = await opened(broker, of([0, 0]));
  const forgotten = [{ topic: "t", partitions: [0] }];
  assertEquals((await session.fetch([], { forgotten })).sessionId, 0);
  assertEquals((await session.fetch()).code, 70);
});

Deno.test("without slots there are no sessions, and fetches work", async () => {
  await using broker = await TestBroker.start({ limits: { fetchSessions: 0 } });
  await broker.createTopic("t");
  const session = new Session(await broker.connect());
  const answer = await session.fetch(of([0, 0]));
  assertEquals(answer, { code: 0, sessionId: 0, partitions: [["t-0", ""]] });
});

Deno.test("names in a session that was opened by ids are 106, ids in one opened by names too", async () => {
  await using broker = await TestBroker.start();
  const topicId = await broker.createTopic("t");
  const connection = await broker.connect();
  const partitions = [{ partition: 0, fetchOffset: 0 }];
  const byId = [{ topicId, partitions }], byName = [{ topic: "t", partitions }];
  for (
    const [opening, going, versions] of [[byId, byName, [17, 12]], [byName, byId, [
      12,
      17,
    ]]] as const
  ) {
    const { sessionId } = await fetch(connection, opening, { sessionEpoch: 0 }, versions[0]);
    const options = { sessionId, sessionEpoch: 1 };
    assertEquals((await fetch(connection, [], options, versions[1])).errorCode, 106);
    assertEquals((await fetch(connection, going, options, versions[1])).errorCode, 106);
    const { errorCode } = await fetch(connection, [], options, versions[0]);
    assertEquals(errorCode, 0, "the session goes on");
  }
});

Deno.test("an unknown topic id in a session is 100 every time", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const session = new Session(await broker.connect(), 17);
  const partitions = [{ partition: 0, fetchOffset: 0 }];
  await session.fetch([{ topicId: "AAAAAAAAAAAAAAAAAAABAA" as never, partitions }]);
  for (let i = 0; i < 2; i++) assertEquals((await session.fetch()).partitions, [["-0", 100]]);
});

Deno.test("under a small limit every partition of a session has its turn", async () => {
  await using broker = await TestBroker.start();
  const { connection, session } = await opened(broker);
  for (const partition of [0, 1, 2]) await append(connection, "t", [`${partition}`], { partition });
  const served = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const { partitions } = await session.fetch([], { maxBytes: 1 });
    for (const [name, values] of partitions) if (values !== "") served.add(name);
  }
  assertEquals([...served].sort(), ["t-0", "t-1", "t-2"]);
});
