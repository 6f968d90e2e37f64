/**
 * Quotas as clients meet them: what is set binds from the next request on, the answer says how long to wait and leaves at
 * once, nothing is read for that time, a fetch comes back empty, changes are refused; others are not held up, and many who
 * are held up cost no memory.
 */
import { assert, assertEquals } from "@std/assert";
import { AlterClientQuotas } from "../../src/protocol/messages/alter_client_quotas.ts";
import { ApiVersions } from "../../src/protocol/messages/api_versions.ts";
import { CreatePartitions } from "../../src/protocol/messages/create_partitions.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { append, batchOf, fetch, produceRequest } from "./calls.ts";
import { pause, TestBroker, within } from "./harness.ts";

type Connection = Awaited<ReturnType<TestBroker["connect"]>>;

async function setQuota(
  connection: Connection,
  entity: Record<string, string | null>,
  values: Record<string, number | null>,
): Promise<void> {
  const { entries: [{ errorCode, errorMessage }] } = await connection.request(
    AlterClientQuotas,
    1,
    {
      entries: [{
        entity: Object.entries(entity).map(([entityType, entityName]) => ({
          entityType,
          entityName,
        })),
        ops: Object.entries(values).map(([key, value]) => ({
          key,
          value: value ?? 0,
          remove: value === null,
        })),
      }],
      validateOnly: false,
    },
  );
  assertEquals([errorCode, errorMessage], [0, null]);
}

/** To "t"; the whole answer. */
function producing(connection: Connection, { values }: { values: string[] }, version = 12) {
  const call = produceRequest(version, { topic: "t", records: batchOf(values) });
  return connection.request(Produce, version, call);
}

const big = (bytes: number) => ["x".repeat(bytes)];

async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const startMs = performance.now(), result = await work;
  return [result, performance.now() - startMs];
}

Deno.test("a producer over its quota is told so at once, in every version, and its next request waits; others do not", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const admin = await broker.connect();
  await setQuota(admin, { "client-id": "slow" }, { producer_byte_rate: 10_000 });
  const slow = await broker.connect({ clientId: "slow" });
  const other = await broker.connect({ clientId: "quick" });
  assertEquals((await producing(slow, { values: big(99_000) })).throttleTimeMs, 0);
  // More than a second's worth is owed, so that a machine that does other things as well has not paid it back yet.
  const [{ throttleTimeMs }, answeredMs] = await timed(producing(slow, { values: big(14_000) }));
  assert(throttleTimeMs > 100 && throttleTimeMs < 1600, `${throttleTimeMs}`);
  assert(answeredMs < throttleTimeMs, `answered after ${answeredMs} ms`);
  const asking = timed(slow.request(ApiVersions, 3, {}));
  const [, otherMs] = await timed(producing(other, { values: big(99_000) }));
  const [, waitedMs] = await asking;
  assert(waitedMs >= throttleTimeMs - 60, `it waited ${waitedMs} ms of ${throttleTimeMs}`);
  assert(otherMs < waitedMs, `another waited ${otherMs} ms`);
  // What is owed from here on takes half a minute: each version is answered within that, on a connection that was not held.
  await producing(slow, { values: big(300_000) });
  for (let version = 3; version <= 12; version++) {
    const next = await broker.connect({ clientId: "slow" });
    const told = await producing(next, { values: big(400) }, version);
    assert(told.throttleTimeMs > 0, `version ${version}`);
    await setQuota(admin, { "client-id": "slow" }, { producer_byte_rate: 10_000 - version });
  }
  assert(await broker.metric("quota_throttle_seconds_total", 'client_id="slow"') > 0.1);
  assertEquals(await broker.metric("quota_limit", 'client_id="slow"'), 9988);
  await setQuota(admin, { "client-id": "slow" }, { producer_byte_rate: null });
  const free = await broker.connect({ clientId: "slow" });
  assertEquals((await producing(free, { values: big(99_000) })).throttleTimeMs, 0);
});

Deno.test("a fetch over its quota comes back empty, ends no session, and the records come when it has waited", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const admin = await broker.connect(), reader = await broker.connect({ clientId: "reader" });
  for (let i = 0; i < 4; i++) await append(admin, "t", big(50_000));
  const topics = [{
    topic: "t",
    partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 60_000 }],
  }];
  const first = await fetch(reader, topics, { sessionId: 0, sessionEpoch: 0 });
  assert(first.sessionId > 0);
  // Two fetches of 50,000 bytes pass; the third is a second and a half too early, also on a slow machine.
  await setQuota(admin, { user: "ANONYMOUS" }, { consumer_byte_rate: 13_000 });
  const at = (fetchOffset: number) => [{
    topic: "t",
    partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 60_000 }],
  }];
  const { sessionId } = first;
  const bytesOf = ({ responses }: Awaited<ReturnType<typeof fetch>>) =>
    responses[0]?.partitions[0].records?.length ?? 0;
  const counts: number[] = [];
  let offset = 1, epoch = 1, throttled = 0;
  while (offset < 4) {
    const got = await within(
      fetch(reader, at(offset), { sessionId, sessionEpoch: epoch++ }),
      "a fetch",
      20_000,
    );
    assertEquals([got.errorCode, got.sessionId], [0, sessionId]);
    counts.push(bytesOf(got));
    if (bytesOf(got) > 0) offset++;
    else {
      assert(got.throttleTimeMs > 0);
      assertEquals(got.responses, []);
      if (++throttled === 2) {
        await setQuota(admin, { user: "ANONYMOUS" }, { consumer_byte_rate: 30_000 });
      }
    }
  }
  assert(throttled > 0, `${counts}`);
  // A session that would begin does not.
  await setQuota(admin, { user: "ANONYMOUS" }, { consumer_byte_rate: 1 });
  const none = await fetch(await broker.connect({ clientId: "reader" }), at(0), {
    sessionId: 0,
    sessionEpoch: 0,
  });
  assertEquals([none.errorCode, none.sessionId, none.responses.length], [0, 0, 0]);
});

Deno.test("changes over their quota are 89 where the version knows it, and waited for where it does not", async () => {
  await using broker = await TestBroker.start();
  const admin = await broker.connect();
  await setQuota(admin, { user: null, "client-id": "maker" }, { controller_mutation_rate: 2 });
  const topic = (name: string, numPartitions: number) => ({
    topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }],
  });
  const told = ({ throttleTimeMs, ...answer }: Record<string, unknown>) => {
    const [{ errorCode, errorMessage }] = (answer.topics ?? answer.results ?? answer.responses) as {
      errorCode: number;
      errorMessage: string | null;
    }[];
    return { errorCode, errorMessage, throttleTimeMs: throttleTimeMs as number };
  };
  /** A connection each: none waits for another. */
  const maker = () => broker.connect({ clientId: "maker" });
  const made = told(await (await maker()).request(CreateTopics, 7, topic("a", 40)));
  assertEquals(made, { errorCode: 0, errorMessage: null, throttleTimeMs: 0 });
  const refused = [
    told(await (await maker()).request(CreateTopics, 6, topic("b", 1))),
    told(
      await (await maker()).request(CreatePartitions, 3, {
        topics: [{ name: "a", count: 41, assignments: null }],
        timeoutMs: 1000,
        validateOnly: false,
      }),
    ),
    told(
      await (await maker()).request(DeleteTopics, 6, {
        topics: [{ name: "a" }],
      }),
    ),
  ];
  for (const { errorCode, errorMessage, throttleTimeMs } of refused) {
    assertEquals([errorCode, errorMessage], [89, null]);
    assert(throttleTimeMs > 5000 && throttleTimeMs <= 9000, `${throttleTimeMs}`);
  }
  const older = told(await (await maker()).request(CreateTopics, 5, topic("c", 2)));
  assertEquals(older.errorCode, 0);
  assert(older.throttleTimeMs > 5000 && older.throttleTimeMs <= 10_000);
  assertEquals(told(await admin.request(CreateTopics, 7, topic("d", 40))).errorCode, 0);
});

Deno.test("the event loop's time is shared out: who asks too much waits at most a second, again and again", async () => {
  await using broker = await TestBroker.start();
  const admin = await broker.connect();
  await setQuota(admin, { "client-id": "busy" }, { request_percentage: 0.01 });
  const busy = await broker.connect({ clientId: "busy" });
  let told = 0;
  for (let i = 0; i < 2000 && told === 0; i++) {
    told = (await busy.request(ApiVersions, 3, {})).throttleTimeMs;
  }
  assert(told > 0 && told <= 1000, `${told}`);
  const [{ throttleTimeMs }, ms] = await timed(busy.request(ApiVersions, 3, {}));
  assert(throttleTimeMs > 0 && ms > told / 2, `${throttleTimeMs} ms, waited ${ms} of ${told}`);
});

Deno.test("nothing is read from who waits, and a thousand who do keep no memory", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const admin = await broker.connect();
  await setQuota(admin, { "client-id": "flood" }, { producer_byte_rate: 1000 });
  const before = await broker.metric("buffers_lent_bytes");
  const floods = await Promise.all(
    Array.from({ length: 300 }, () => broker.connect({ clientId: "flood" })),
  );
  // Each sends eleven at once; after the first it has had too much.
  const firsts = floods.map((one) => {
    const [first, ...others] = Array.from(
      { length: 11 },
      () => producing(one, { values: big(20_000) }),
    );
    for (const other of others) other.catch(() => {});
    return first;
  });
  await within(Promise.all(firsts), "answers", 30_000);
  await pause(500);
  await broker.turns();
  assertEquals(broker.arrivals(Produce), 300);
  assert(await broker.metric("buffers_lent_bytes") - before < 300 * 4096);
  const [, ms] = await timed(producing(admin, { values: big(1000) }));
  assert(ms < 1000, `another waits ${ms} ms`);
});

Deno.test("an address has so many connections and comes so fast, a listener too, and others come in", async () => {
  await using broker = await TestBroker.start({
    quotas: { maxConnectionsPerIpOverrides: ["127.0.0.1:5"] },
    listeners: [
      { name: "PLAINTEXT", port: 0 },
      { name: "SMALL", protocol: "PLAINTEXT", port: 0, maxConnections: 1 },
    ],
  });
  const comesIn = async (port = broker.port) => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const frame = new Uint8Array([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 0, 255, 255]);
    const answered = await conn.write(frame).then(() => conn.read(new Uint8Array(9)), () => null)
      .catch(() => null);
    return { conn, isIn: answered !== null };
  };
  const first = [];
  for (let i = 0; i < 6; i++) first.push(await comesIn());
  assertEquals(first.map(({ isIn }) => isIn), [true, true, true, true, true, false]);
  for (const { conn } of first.slice(0, 4)) conn.close();
  while (await broker.metric("connections") > 1) await pause(5);
  const small = [await comesIn(broker.portOf("SMALL")), await comesIn(broker.portOf("SMALL"))];
  assertEquals(small.map(({ isIn }) => isIn), [true, false]);
  const admin = await broker.connect();
  await setQuota(admin, { ip: "127.0.0.1" }, { connection_creation_rate: 1 });
  let refused = null as number | null;
  for (let i = 0; i < 12 && refused === null; i++) {
    const [{ conn, isIn }, ms] = await timed(comesIn());
    conn.close();
    if (!isIn) refused = ms;
    else while (await broker.metric("connections") > 3) await pause(5);
  }
  assert(refused !== null && refused >= 400, `told after ${refused} ms`);
  await setQuota(admin, { ip: "127.0.0.1" }, { connection_creation_rate: null });
  const last = await comesIn();
  assertEquals(last.isIn, true);
  for (const { conn } of [...first.slice(4), ...small, last]) conn.close();
});

Deno.test("a user is who logged in, whatever it calls itself, and to log in costs nothing", async () => {
  await using broker = await TestBroker.start({
    auth: {
      enabled: true,
      plainUsername: "admin",
      plainPassword: "of the broker",
      mechanism: ["PLAIN"],
    },
  });
  const sasl = { mechanism: "PLAIN", username: "admin", password: "of the broker" } as const;
  const admin = await broker.connect({ sasl });
  await admin.request(CreateTopics, 7, {
    topics: [{ name: "t", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
  });
  await setQuota(admin, { user: null }, { producer_byte_rate: 10_000 });
  // Nobody who has not logged in is counted, as anonymous or otherwise.
  await setQuota(admin, { user: "ANONYMOUS" }, { request_percentage: 1e-6 });
  for (let i = 0; i < 20; i++) await broker.connect({ sasl });
  assertEquals(await broker.metric("quota_limit", "request_percentage"), 0);
  const names = ["a", "b"];
  const told = [];
  for (const clientId of names) {
    const one = await broker.connect({ sasl, clientId });
    told.push((await producing(one, { values: big(60_000) })).throttleTimeMs);
  }
  assertEquals(told[0], 0);
  assert(told[1] > 1500, `${told}`);
  assertEquals(await broker.metric("quota_limit", 'user="admin"'), 10_000);
});
