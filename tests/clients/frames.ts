/**
 * Framing, pipelining and back-pressure of a running broker (`BROKERS`), with requests written by hand.
 *
 * What a broken or hostile client gets: the connection is closed before anything is allocated for it, every other
 * connection goes on, answers come in the order of their requests, and one that does not read is not read from. With
 * `BROKER_PID` the broker's memory is watched (with `ps`) while clients misbehave.
 */
import { assert, assertEquals } from "@std/assert";
import { broker, freshTopic, Suite } from "./checks.ts";
import {
  batchOf,
  compactString,
  concat,
  type Fields,
  int16,
  int32,
  int64,
  int8,
  request,
  string,
  unsignedVarint,
  Wire,
} from "./wire.ts";

const [produceKey, fetchKey, metadataKey, apiVersionsKey, createTopicsKey] = [0, 1, 3, 18, 19];
const suite = new Suite("frames");
const at = broker();
const apiVersions = request({ key: apiVersionsKey, version: 0, correlation: 1 });
const none = new Uint8Array(0);

/** Writes `bytes` to a new connection and waits for the broker to close it, without an answer. */
async function closesOn(bytes: Uint8Array): Promise<void> {
  using wire = await Wire.connect(at);
  await wire.write(bytes);
  const answer = await within(10_000, wire.read(), "the broker neither answered nor closed");
  assertEquals(answer, null, "the broker answered");
  await othersAreServed();
}

/** The broker serves this connection: it answers an ApiVersions request. */
async function answersOn(wire: Wire): Promise<void> {
  await wire.write(apiVersions);
  const answer = await within(10_000, wire.answer(), "no answer to ApiVersions");
  assertEquals([answer.int32(), answer.int16()], [1, 0]);
}

async function othersAreServed(): Promise<void> {
  using other = await Wire.connect(at);
  await answersOn(other);
}

function within<T>(limitMs: number, promise: Promise<T>, complaint: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${complaint} within ${limitMs} ms`)), limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// ---- Frames that close the connection

const closing: Record<string, Uint8Array> = {
  "a frame of length -1": int32(-1),
  "a frame of length -2147483648": int32(-2147483648),
  "a frame of length 0": int32(0),
  "a frame of 2147483647 bytes": int32(2147483647),
  "an HTTP request": new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  "a TLS hello": new Uint8Array([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, ...new Array(40).fill(7)]),
  "a header cut short": concat([int32(3), new Uint8Array([0, 18, 0])]),
  "a client id longer than the frame": concat([
    int32(12),
    int16(apiVersionsKey),
    int16(0),
    int32(1),
    int16(30_000),
    int16(0),
  ]),
  "an unknown API key": request({ key: 9999, version: 0, correlation: 1 }),
  "a negative API key": request({ key: -5, version: 0, correlation: 1 }),
  "a version not supported (Metadata 99)": request(
    { key: metadataKey, version: 99, correlation: 1 },
    int32(0),
  ),
  "a negative version": request({ key: metadataKey, version: -1, correlation: 1 }, int32(0)),
  "an array longer than its frame": request(
    { key: metadataKey, version: 1, correlation: 1 },
    int32(1_000_000),
    string("t"),
  ),
  "an array of 2147483647 elements": request(
    { key: metadataKey, version: 1, correlation: 1 },
    int32(2147483647),
  ),
  "a negative length for an array that may not be null": request(
    { key: createTopicsKey, version: 2, correlation: 1 },
    int32(-1),
    int32(1000),
    int8(0),
  ),
  "a string past its frame": request(
    { key: metadataKey, version: 1, correlation: 1 },
    int32(1),
    int16(500),
    new Uint8Array(10),
  ),
  "a body cut short": request({ key: fetchKey, version: 4, correlation: 1 }, int32(-1), int32(100)),
  "an endless varint for a length": flexibleApiVersions({
    name: new Uint8Array([255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
  }),
  "a tagged field longer than its frame": flexibleApiVersions({
    tags: concat([unsignedVarint(1), unsignedVarint(9), unsignedVarint(100_000_000)]),
  }),
  "a tagged field count beyond the frame": flexibleApiVersions({
    tags: unsignedVarint(50_000_000),
  }),
};
for (const [name, bytes] of Object.entries(closing)) {
  await suite.check(`${name} closes the connection, others are served`, () => closesOn(bytes));
}

await suite.check("half a frame, then the end of the stream: closed", async () => {
  using wire = await Wire.connect(at);
  await wire.write(apiVersions.subarray(0, 7));
  await wire.closeWrite();
  assertEquals(await within(10_000, wire.read(), "not closed"), null);
});

const frameTimeoutMs = Number(Deno.env.get("FRAME_TIMEOUT_MS"));
if (frameTimeoutMs > 0) {
  await suite.check("half a frame, then silence: closed after the frame timeout", async () => {
    using wire = await Wire.connect(at);
    using idle = await Wire.connect(at);
    await wire.write(apiVersions.subarray(0, 7));
    assertEquals(await within(frameTimeoutMs * 3 + 5000, wire.read(), "not closed"), null);
    await answersOn(idle); // silent between frames is not silent within one
  });
}

// ---- ApiVersions, the one request whose version may be anything

await suite.check(
  "ApiVersions of an unknown version: a v0 answer with 35, the connection stays",
  async () => {
    using wire = await Wire.connect(at);
    // Flexible, as every version from 3 on: the header ends with tags.
    await wire.write(
      request({ key: apiVersionsKey, version: 99, correlation: 5 }, unsignedVarint(0)),
    );
    const answer = await wire.answer();
    assertEquals([answer.int32(), answer.int16()], [5, 35]);
    const ranges = Array.from(
      { length: answer.int32() },
      () => [answer.int16(), answer.int16(), answer.int16()],
    );
    assertEquals(
      ranges.filter(([key]) => key === apiVersionsKey).length,
      1,
      "its own range is in it",
    );
    assertEquals(answer.rest, 0, "v0 ends here");
    await answersOn(wire);
  },
);

await suite.check("ApiVersions v3: unknown tags in header and body are skipped", async () => {
  const tags = concat([
    unsignedVarint(1),
    unsignedVarint(77),
    unsignedVarint(5),
    new Uint8Array([1, 2, 3, 4, 5]),
  ]);
  const answer = await ask(flexibleApiVersions({ headerTags: tags, tags }));
  assertEquals([answer.int32(), answer.int16()], [1, 0]);
});

await suite.check("ApiVersions v3 with a client software name that cannot be: 42", async () => {
  const answer = await ask(flexibleApiVersions({ name: compactString("no spaces allowed") }));
  assertEquals([answer.int32(), answer.int16()], [1, 42]);
});

for (
  const [name, clientId] of [
    ["null", null],
    ["empty", ""],
    ["30 KB long", "c".repeat(30_000)],
    ["beyond ASCII", "клиент-顧客"],
  ] as const
) {
  await suite.check(`a client id that is ${name} is served`, async () => {
    const answer = await ask(
      request({ key: apiVersionsKey, version: 0, correlation: 1, clientId }),
    );
    assertEquals([answer.int32(), answer.int16()], [1, 0]);
  });
}

await suite.check("bytes after a complete body are ignored", async () => {
  using wire = await Wire.connect(at);
  await wire.write(
    request({ key: apiVersionsKey, version: 0, correlation: 9 }, new Uint8Array(100)),
  );
  assertEquals((await wire.answer()).int32(), 9);
  await answersOn(wire);
});

// ---- Frames in pieces, frames in heaps

await suite.check("a request that arrives a byte at a time is answered", async () => {
  using wire = await Wire.connect(at);
  for (const byte of apiVersions) {
    await wire.write(new Uint8Array([byte]));
    await pause(5);
  }
  assertEquals((await wire.answer()).int32(), 1);
});

await suite.check(
  "2,000 requests of two kinds in one write are answered in their order",
  async () => {
    using wire = await Wire.connect(at);
    const all = Array.from(
      { length: 2000 },
      (_, i) =>
        i % 3
          ? request({ key: apiVersionsKey, version: 0, correlation: i })
          : request({ key: metadataKey, version: 1, correlation: i }, int32(0)),
    );
    const writing = wire.write(concat(all));
    for (let i = 0; i < all.length; i++) {
      assertEquals((await wire.answer()).int32(), i);
    }
    await writing;
  },
);

await suite.check("what was pipelined before a bad frame is still answered", async () => {
  using wire = await Wire.connect(at);
  await wire.write(apiVersions);
  assertEquals((await wire.answer()).int32(), 1);
  await wire.write(int32(-1));
  assertEquals(await within(10_000, wire.read(), "not closed"), null);
});

await suite.check("500 connections at once are all served", async () => {
  const wires = await Promise.all(Array.from({ length: 500 }, () => Wire.connect(at)));
  try {
    await pause(1000); // idle in between
    await Promise.all(wires.map(answersOn));
  } finally {
    wires.forEach((wire) => wire.close());
  }
}, 30_000);

// ---- A topic with data, for what follows

const topic = freshTopic("frames");
await suite.check("a topic of 8 records of 900 KB, made by hand", async () => {
  const body = [
    int32(1),
    string(topic),
    int32(1),
    int16(1),
    int32(0),
    int32(0),
    int32(10_000),
    int8(0),
  ];
  const created = await ask(request({ key: createTopicsKey, version: 2, correlation: 1 }, ...body));
  assertEquals([created.int32(), created.int32(), created.int32()], [1, 0, 1]); // not throttled, one topic
  assertEquals([created.string(), created.int16()], [topic, 0]);
  using wire = await Wire.connect(at);
  for (let i = 0; i < 8; i++) {
    await wire.write(produce(i, crypto.getRandomValues(new Uint8Array(65_536)), 900_000));
    assertEquals(produced(await wire.answer()), { correlation: i, error: 0, offset: i });
  }
});

await suite.check(
  "a slow fetch holds neither another connection nor the order on its own",
  async () => {
    using slow = await Wire.connect(at);
    using other = await Wire.connect(at);
    const began = performance.now();
    const waitMs = 1500;
    await slow.write(fetch({ correlation: 1, offset: 8, waitMs }));
    await slow.write(request({ key: apiVersionsKey, version: 0, correlation: 2 }));
    await pause(50);
    const asked = performance.now();
    await answersOn(other);
    const otherMs = performance.now() - asked;
    assert(otherMs < 1000, `the other connection waited ${otherMs.toFixed()} ms`);
    assertEquals((await slow.answer()).int32(), 1);
    const tookMs = performance.now() - began;
    assertEquals((await slow.answer()).int32(), 2);
    assert(
      tookMs > waitMs * 0.9 && tookMs < waitMs + 2000,
      `maxWait ${waitMs} ms took ${tookMs.toFixed()} ms`,
    );
    return `other connection ${otherMs.toFixed(1)} ms`;
  },
);

await suite.check("a waiting fetch is answered as soon as a record arrives", async () => {
  using waiting = await Wire.connect(at);
  using writer = await Wire.connect(at);
  await waiting.write(fetch({ correlation: 3, offset: 8, waitMs: 20_000 }));
  await pause(300);
  await writer.write(produce(4, new TextEncoder().encode("wake")));
  const began = performance.now();
  const answer = await within(15_000, waiting.answer(), "the fetch still waits");
  const tookMs = performance.now() - began;
  assertEquals(answer.int32(), 3);
  assert(answer.bytes.length > 60, "the answer has no record in it");
  assertEquals(produced(await writer.answer()), { correlation: 4, error: 0, offset: 8 });
  return `${tookMs.toFixed(1)} ms`;
});

await suite.check("a waiting fetch of a client that is gone leaves the broker well", async () => {
  for (let i = 0; i < 50; i++) {
    using wire = await Wire.connect(at);
    await wire.write(fetch({ correlation: 1, offset: 9, waitMs: 3000 }));
  }
  await othersAreServed();
});

// ---- Clients that do not read

await suite.check(
  "a client that asks for 16 GB and reads nothing: others served, memory bounded",
  async () => {
    const before = residentMb();
    const stuck = await Promise.all(Array.from({ length: 8 }, () => Wire.connect(at)));
    try {
      for (const wire of stuck) {
        const asks = Array.from(
          { length: 2000 },
          (_, i) => fetch({ correlation: i, offset: 0, waitMs: 0 }),
        );
        wire.write(concat(asks)).catch(() => {}); // stands still once the broker stops reading
      }
      let most = before;
      for (let i = 0; i < 40; i++) {
        await pause(100);
        most = Math.max(most, residentMb());
      }
      const asked = performance.now();
      await othersAreServed();
      const otherMs = performance.now() - asked;
      assert(otherMs < 2000, `another connection waited ${otherMs.toFixed()} ms`);
      assert(most - before < 256, `the broker grew from ${before} to ${most} MB`);
      return before ? `${before} MB, at most ${most} MB` : "memory not watched: no BROKER_PID";
    } finally {
      stuck.forEach((wire) => wire.close());
    }
  },
);

await suite.check("a client that writes without end and reads nothing is stopped", async () => {
  using wire = await Wire.connect(at);
  const asks = concat(
    Array.from(
      { length: 10_000 },
      (_, i) => request({ key: apiVersionsKey, version: 0, correlation: i }),
    ),
  );
  let taken = 0;
  let stalled = false;
  while (taken < 200_000_000 && !stalled) {
    const some = wire.writeSome(asks.subarray(taken % asks.length)).catch(() => 0);
    const count = await Promise.race([some, pause(3000).then(() => -1)]);
    if (count <= 0) stalled = true;
    else taken += count;
  }
  assert(stalled, "the broker took 200 MB of requests whose answers nobody read");
  await othersAreServed();
  return `stopped after ${(taken / 1e6).toFixed(1)} MB`;
});

// Only where it can be measured; and never against an Apache Kafka somebody needs, which takes the memory at once.
if (Deno.env.has("BROKER_PID")) {
  await suite.check("a declared 90 MB frame costs nothing before its bytes come", async () => {
    const before = residentMb();
    const wires = await Promise.all(Array.from({ length: 20 }, () => Wire.connect(at)));
    try {
      for (const wire of wires) await wire.write(concat([int32(90_000_000), int16(0), int16(3)]));
      await pause(1000);
      const grown = residentMb() - before;
      assert(grown < 100, `20 such frames grew the broker by ${grown} MB`);
      await othersAreServed();
    } finally {
      wires.forEach((wire) => wire.close());
    }
  });
}

await suite.check("after all of this the broker serves as before", async () => {
  using wire = await Wire.connect(at);
  for (let i = 0; i < 100; i++) await answersOn(wire);
  await wire.write(produce(1, none));
  assertEquals(produced(await wire.answer()).error, 0);
  return residentMb() ? `${residentMb()} MB` : undefined;
});

suite.finish();

// ---- Requests

async function ask(bytes: Uint8Array): Promise<Fields> {
  using wire = await Wire.connect(at);
  await wire.write(bytes);
  return await within(10_000, wire.answer(), "no answer");
}

/** ApiVersions v3: header v2 (tags after the client id, which keeps its old form), compact strings, tags. */
function flexibleApiVersions(
  { headerTags = unsignedVarint(0), name = compactString("frames"), tags = unsignedVarint(0) },
): Uint8Array {
  const head = { key: apiVersionsKey, version: 3, correlation: 1 };
  return request(head, headerTags, name, compactString("1.0"), tags);
}

/** Produce v3, acks -1: one batch of one record, `value` repeated to `bytes`. */
function produce(correlation: number, value: Uint8Array, bytes = value.length): Uint8Array {
  const whole = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i += value.length) whole.set(value.subarray(0, bytes - i), i);
  const batch = batchOf(whole);
  return request(
    { key: produceKey, version: 3, correlation },
    string(null), // transactional id
    int16(-1),
    int32(10_000),
    int32(1),
    string(topic),
    int32(1),
    int32(0),
    int32(batch.length),
    batch,
  );
}

function produced(answer: Fields): { correlation: number; error: number; offset: number } {
  const correlation = answer.int32();
  assertEquals([answer.int32(), answer.string(), answer.int32(), answer.int32()], [1, topic, 1, 0]);
  return { correlation, error: answer.int16(), offset: answer.int64() };
}

/** Fetch v4 of partition 0, up to 1 MiB. */
function fetch(from: { correlation: number; offset: number; waitMs: number }): Uint8Array {
  return request(
    { key: fetchKey, version: 4, correlation: from.correlation },
    int32(-1), // a consumer
    int32(from.waitMs),
    int32(1),
    int32(1 << 20),
    int8(0),
    int32(1),
    string(topic),
    int32(1),
    int32(0),
    int64(from.offset),
    int32(1 << 20),
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Resident memory of the broker, or 0 when its process is not known. */
function residentMb(): number {
  const pid = Deno.env.get("BROKER_PID");
  if (!pid) return 0;
  // Deno asks for every permission before it reads below /proc; `ps` needs only its name.
  const { stdout } = new Deno.Command("ps", { args: ["-o", "rss=", "-p", pid] }).outputSync();
  const kb = Number(new TextDecoder().decode(stdout));
  if (!kb) throw new Error(`Cannot watch the broker: no process ${pid}`);
  return Math.round(kb / 1024);
}
