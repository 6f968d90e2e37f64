/**
 * Proves what a connection makes of bytes: frames that cannot be are answered by closing it before anything is
 * allocated for them, everything else in the order it was asked, and no client can hold up another one. Each test
 * writes bytes to a broker of its own over TCP; a broken frame must leave it serving.
 */
import { assert, assertEquals } from "@std/assert";
import { Writer } from "../../src/bytes/writer.ts";
import { joined } from "../../src/protocol/codec.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { ApiVersions } from "../../src/protocol/messages/api_versions.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { DescribeConfigs } from "../../src/protocol/messages/describe_configs.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { Fetch } from "../../src/protocol/messages/fetch.ts";
import { IncrementalAlterConfigs } from "../../src/protocol/messages/incremental_alter_configs.ts";
import { JoinGroup } from "../../src/protocol/messages/join_group.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { append } from "./calls.ts";
import { pause, requestBytes, TestBroker, utf8, type Wire, within } from "./harness.ts";

const METADATA = 3, API_VERSIONS = 18, CREATE_TOPICS = 19;
const apiVersions = requestBytes(ApiVersions, 0, {});

// ---- What closes the connection

const MAX_FRAME_BYTES = 1 << 20;

const closing: Record<string, Uint8Array> = {
  "a frame of length -1": written((w) => w.int32(-1)),
  "a frame of length -2147483648": written((w) => w.int32(-2147483648)),
  "a frame of length 0": written((w) => w.int32(0)),
  "a frame one byte over the limit": written((w) => w.int32(MAX_FRAME_BYTES + 1)),
  "a frame of 2147483647 bytes": written((w) => w.int32(2147483647)),
  "an HTTP request": utf8("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  "a TLS hello": new Uint8Array([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, ...new Array(40).fill(7)]),
  "a header cut short": framed((w) => (w.int16(API_VERSIONS), w.int16(0))),
  "a client id longer than the frame": framed((w) => {
    w.int16(API_VERSIONS), w.int16(0), w.int32(1), w.int16(30_000), w.int16(0);
  }),
  "an unknown API key": request(9999, 0),
  "a negative API key": request(-5, 0),
  "a version above those served": request(METADATA, 99, (w) => w.int32(0)),
  "a version below those served": request(CREATE_TOPICS, 1, (w) => w.int32(0)),
  "a negative version": request(METADATA, -1, (w) => w.int32(0)),
  "an array longer than its frame": request(
    METADATA,
    1,
    (w) => (w.int32(1_000_000), w.string("t")),
  ),
  "an array of 2147483647 elements": request(METADATA, 1, (w) => w.int32(2147483647)),
  "a compact array of 4294967295 elements": request(METADATA, 9, (w) => {
    w.uvarint(0), w.uvarint(4294967295);
  }),
  "a negative length of an array that may not be null": request(CREATE_TOPICS, 2, (w) => {
    w.int32(-1), w.int32(1000), w.int8(0);
  }),
  "a null string where none may be": request(METADATA, 1, (w) => (w.int32(1), w.int16(-1))),
  "a string past its frame": request(METADATA, 1, (w) => (w.int32(1), w.int16(500), w.int64(0))),
  "a body cut short": request(1, 4, (w) => (w.int32(-1), w.int32(100))),
  "a varint of more than 5 bytes": request(API_VERSIONS, 3, (w) => {
    w.uvarint(0);
    for (let i = 0; i < 9; i++) w.int8(-1);
    w.int8(1);
  }),
  "a tagged field longer than its frame": request(API_VERSIONS, 3, (w) => {
    w.uvarint(1), w.uvarint(9), w.uvarint(100_000_000);
  }),
  "50,000,000 tagged fields": request(API_VERSIONS, 3, (w) => w.uvarint(50_000_000)),
};

for (const [name, bytes] of Object.entries(closing)) {
  Deno.test(`${name} closes the connection without an answer, and others are served`, async () => {
    await using broker = await TestBroker.start({ limits: { maxFrameBytes: MAX_FRAME_BYTES } });
    const wire = await broker.wire();
    await wire.write(bytes);
    assertEquals(await within(wire.frame(), "closing"), null);
    await broker.serves();
  });
}

Deno.test("half a frame, then silence, closes the connection; silence between frames does not", async () => {
  await using broker = await TestBroker.start({ limits: { frameTimeoutMs: 150 } });
  const half = await broker.wire(), idle = await broker.wire();
  await answers(idle);
  await half.write(apiVersions.subarray(0, 7));
  assertEquals(await within(half.frame(), "closing"), null);
  await answers(idle);
});

Deno.test("a connection that asks nothing for idleTimeoutMs is closed", async () => {
  await using broker = await TestBroker.start({
    limits: { idleTimeoutMs: 200, frameTimeoutMs: 200 },
  });
  const idle = await broker.wire();
  await answers(idle);
  assertEquals(await within(idle.frame(), "closing"), null);
  await broker.serves();
});

Deno.test("connections past maxConnections are closed, and there is room again when one goes", async () => {
  await using broker = await TestBroker.start({ limits: { maxConnections: 2 } });
  const first = await broker.wire(), second = await broker.wire();
  await answers(first);
  await answers(second);
  const third = await broker.wire();
  assertEquals(await within(third.frame(), "closing"), null);
  first.close();
  for (let tries = 0;; tries++) { // the broker sees the end of the first when it reads it
    const next = await broker.wire();
    await next.write(apiVersions).catch(() => {});
    if (await within(next.frame(), "an answer") !== null) break;
    assert(tries < 2000, "there is never room again");
    await pause(5);
  }
  await answers(second);
});

Deno.test("what came before a broken frame is answered, also what takes its time, and then it closes", async () => {
  await using broker = await TestBroker.start();
  const wire = await broker.wire();
  const metadata = requestBytes(Metadata, 1, { topics: null });
  await wire.write(joined([apiVersions, metadata, closing["a frame of length -1"], apiVersions]));
  await wire.answer(ApiVersions, 0);
  await wire.answer(Metadata, 1);
  assertEquals(await within(wire.frame(), "closing"), null);
  await broker.serves();
});

// ---- What does not

for (const version of [6, 99, 32767, -1]) {
  Deno.test(`ApiVersions v${version} is answered in v0 with 35 and its own range, and the connection goes on`, async () => {
    await using broker = await TestBroker.start();
    const wire = await broker.wire();
    await wire.write(request(API_VERSIONS, version, (w) => w.uvarint(0)));
    const { errorCode, apiKeys } = await wire.answer(ApiVersions, 0);
    assertEquals(errorCode, 35);
    assertEquals(apiKeys, [{ apiKey: API_VERSIONS, minVersion: 0, maxVersion: 5 }]);
    await answers(wire);
  });
}

Deno.test("ApiVersions answers each version from 0 to 5 with the served range of every API", async () => {
  await using broker = await TestBroker.start();
  const wire = await broker.wire();
  for (let version = 0; version <= 5; version++) {
    const body = { clientSoftwareName: "test", clientSoftwareVersion: "1.0" };
    await wire.send(ApiVersions, version, version < 3 ? {} : body);
    const answer = await wire.answer(ApiVersions, version);
    const ranges = new Map(
      answer.apiKeys.map((api) => [api.apiKey, [api.minVersion, api.maxVersion]]),
    );
    assertEquals(answer.errorCode, 0);
    assertEquals(ranges.get(0), [0, 13], "Produce, from 0 as librdkafka needs it");
    assertEquals(ranges.get(1), [4, 18], "Fetch");
    assertEquals(ranges.get(2), [1, 11], "ListOffsets");
    assertEquals(ranges.get(METADATA), [0, 13]);
    assertEquals(ranges.get(CREATE_TOPICS), [2, 7]);
    assertEquals(answer.supportedFeatures.length > 0, version >= 3);
  }
});

for (const name of ["no spaces allowed", "", "-dash", "über"]) {
  Deno.test(`ApiVersions with the client software name "${name}" is refused with 42`, async () => {
    await using broker = await TestBroker.start();
    const wire = await broker.wire();
    await wire.send(ApiVersions, 3, { clientSoftwareName: name, clientSoftwareVersion: "1.0" });
    assertEquals((await wire.answer(ApiVersions, 3)).errorCode, 42);
    await answers(wire);
  });
}

Deno.test("a client id may be null, empty, 30 KB long or beyond ASCII", async () => {
  await using broker = await TestBroker.start();
  const wire = await broker.wire();
  for (const clientId of [null, "", "c".repeat(30_000), "клиент-顧客"]) {
    await wire.write(requestBytes(ApiVersions, 0, {}, 7, clientId));
    assertEquals((await wire.answered(ApiVersions, 0)).correlationId, 7);
  }
});

const NOT_YET: readonly number[] = [
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
];

Deno.test("what names something as long as a string can be is answered, with as much of it as fits", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect(), long = "x".repeat(32_767);
  const { topics: [topic] } = await connection.request(CreateTopics, 7, {
    topics: [{ name: long, numPartitions: 1, replicationFactor: 1 }],
  });
  assertEquals(topic.errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION);
  const { results: [configs] } = await connection.request(DescribeConfigs, 4, {
    resources: [{ resourceType: 4, resourceName: long, configurationKeys: null }],
  });
  assertEquals(configs.errorCode, ErrorCode.INVALID_REQUEST);
  const { responses: [altered] } = await connection.request(IncrementalAlterConfigs, 1, {
    resources: [{
      resourceType: 2,
      resourceName: "t",
      configs: [{ name: long, configOperation: 0, value: long }],
    }],
  });
  assert(altered.errorCode !== 0);
  await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
  const join = () =>
    connection.request(JoinGroup, 7, {
      groupId: "g",
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 1000,
      memberId: "",
      groupInstanceId: long,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: new Uint8Array(0) }],
    });
  let joined = await join();
  while (NOT_YET.includes(joined.errorCode)) {
    await pause(20);
    joined = await join();
  }
  assertEquals([joined.errorCode, joined.memberId.length], [0, 10_037]);
});

Deno.test("unknown tagged fields in header and body are skipped", async () => {
  await using broker = await TestBroker.start();
  const wire = await broker.wire();
  const tags = (w: Writer) => {
    w.uvarint(1), w.uvarint(77), w.uvarint(4), w.int32(0);
  };
  await wire.write(request(API_VERSIONS, 3, (w) => {
    tags(w);
    for (const text of ["test", "1.0"]) {
      w.uvarint(text.length + 1);
      for (const byte of utf8(text)) w.int8(byte);
    }
    tags(w);
  }));
  assertEquals((await wire.answer(ApiVersions, 3)).errorCode, 0);
});

Deno.test("bytes after a complete body are ignored", async () => {
  await using broker = await TestBroker.start();
  const wire = await broker.wire();
  await wire.write(request(API_VERSIONS, 0, (w) => (w.int64(0), w.int64(-1))));
  assertEquals((await wire.answer(ApiVersions, 0)).errorCode, 0);
  await answers(wire);
});

Deno.test("a negative length of an array that may be null is a null array", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const wire = await broker.wire();
  await wire.write(request(METADATA, 1, (w) => w.int32(-1)));
  const { topics } = await wire.answer(Metadata, 1);
  assertEquals(topics.map(({ name }) => name), ["t"], "null asks for all topics");
});

// ---- Frames in pieces, in heaps, in order

Deno.test("a request that arrives byte by byte is answered", async () => {
  await using broker = await TestBroker.start();
  const wire = await broker.wire();
  for (const byte of apiVersions) {
    await wire.write(new Uint8Array([byte]));
    await pause(1);
  }
  assertEquals((await wire.answered(ApiVersions, 0)).correlationId, 1);
});

Deno.test("2,000 requests of two kinds in one write are answered in their order", async () => {
  await using broker = await TestBroker.start();
  const wire = await broker.wire();
  const requests = Array.from(
    { length: 2000 },
    (_, i) =>
      i % 3 === 0
        ? requestBytes(Metadata, 1, { topics: [] }, i)
        : requestBytes(ApiVersions, 0, {}, i),
  );
  const writing = wire.write(joined(requests));
  for (let i = 0; i < requests.length; i++) {
    const frame = await within(wire.frame(), `answer ${i}`);
    assertEquals(new DataView(frame!.buffer).getInt32(0), i);
  }
  await writing;
});

Deno.test("a slow fetch keeps the order on its own connection and holds up no other", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const slow = await broker.wire(), other = await broker.wire();
  await slow.write(joined([
    requestBytes(Fetch, 4, longPoll(3_600_000), 1),
    requestBytes(ApiVersions, 0, {}, 2),
  ]));
  let isAnswered = false;
  const first = slow.answered(Fetch, 4).finally(() => isAnswered = true);
  await answers(other);
  assertEquals(isAnswered, false);
  await append(await broker.connect(), "t", ["a"]);
  assertEquals((await within(first, "the fetch's answer")).correlationId, 1);
  assertEquals((await slow.answered(ApiVersions, 0)).correlationId, 2);
});

// ---- Memory

Deno.test("a declared frame takes no memory before its bytes come", async () => {
  await using broker = await TestBroker.start();
  const wires = await Promise.all(Array.from({ length: 20 }, () => broker.wire()));
  for (const wire of wires) {
    await wire.write(written((w) => (w.int32(99 << 20), w.int16(0), w.int16(3))));
  }
  await broker.serves();
  const lent = await broker.metric("buffers_lent_bytes");
  assert(lent <= 20 * (256 << 10), `20 half frames hold ${lent} bytes`);
});

Deno.test({
  name: "a client that asks and asks and does not read is read from no further",
  sanitizeOps: false, // Deno 2.6 does not end a write that stands still when its socket is closed
  fn: async () => {
    await using broker = await TestBroker.start({ limits: { maxQueuedRequests: 8 } });
    await broker.createTopic("t", { partitions: 100 });
    const stuck = await broker.wire();
    // Answers of several kilobytes each: far more than the sockets' buffers hold.
    const asks = joined(
      Array.from({ length: 5000 }, (_, i) => requestBytes(Metadata, 1, { topics: null }, i)),
    );
    let taken = 0, isStuck = false;
    while (!isStuck && taken < 500e6) {
      let count: number | null = null;
      stuck.writeSome(asks.subarray(taken % asks.length)).then((n) => count = n, () => count = 0);
      for (let i = 0, before = -1; count === null && !isStuck; i++) {
        if (before !== broker.arrivals(Metadata)) i = 0; // it still reads
        before = broker.arrivals(Metadata);
        await broker.serves();
        isStuck = i === 50;
      }
      taken += count ?? 0;
    }
    assert(isStuck, `the broker took ${taken} bytes of requests whose answers nobody read`);
    const before = broker.arrivals(Metadata);
    await broker.turns();
    assertEquals(broker.arrivals(Metadata), before, "it goes on answering into memory");
    const lent = await broker.metric("buffers_lent_bytes");
    assert(lent < 8 << 20, `${lent} bytes of buffers are held for it`);
    await broker.serves();
  },
});

// ---- Bytes by hand

function longPoll(maxWaitMs: number) {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }];
  return { maxWaitMs, minBytes: 1, isolationLevel: 0, topics: [{ topic: "t", partitions }] };
}

async function answers(wire: Wire): Promise<void> {
  await wire.write(apiVersions);
  assertEquals((await within(wire.answer(ApiVersions, 0), "an answer")).errorCode, 0);
}

/** A frame with a header (correlation id 1, no client id) and whatever is written as its body. */
function request(
  apiKey: number,
  version: number,
  body: (w: Writer) => void = () => {},
): Uint8Array {
  return framed((w) => {
    w.int16(apiKey), w.int16(version), w.int32(1), w.int16(-1);
    body(w);
  });
}

function framed(body: (w: Writer) => void): Uint8Array {
  const inside = written(body);
  return joined([written((w) => w.int32(inside.length)), inside]);
}

function written(fill: (w: Writer) => void): Uint8Array {
  const writer = new Writer();
  fill(writer);
  return joined(writer.finish());
}
