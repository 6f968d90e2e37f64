/**
 * Proves that a client connection negotiates versions, keeps overlapping requests apart, and fails every unanswered
 * request once, by serving it from a scripted broker in memory that answers byte by byte when asked to.
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { encodeResponse } from "../protocol/frame.ts";
import { joined } from "../protocol/codec.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import { Fetch } from "../protocol/messages/fetch.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import { Connection, type Socket } from "./connection.ts";
import { type Answer, type Asked, ScriptedSocket } from "../testing/scripted_socket.ts";
import { AnswerError, ConnectionError } from "./errors.ts";

const versions = (asked: Asked) =>
  joined(encodeResponse(ApiVersions, asked.apiVersion, asked.correlationId, {
    apiKeys: [
      { apiKey: 1, minVersion: 4, maxVersion: 12 },
      { apiKey: 3, minVersion: 0, maxVersion: 12 },
      { apiKey: 18, minVersion: 0, maxVersion: 4 },
    ],
  }));

/** Answers ApiVersions itself and leaves the rest to `answer`. */
const afterVersions = (answer: Answer): Answer => (asked) =>
  asked.apiKey === 18 ? versions(asked) : answer(asked);

const cluster = (asked: Asked) =>
  joined(encodeResponse(Metadata, asked.apiVersion, asked.correlationId, {
    controllerId: asked.correlationId,
  }));

const open = (
  socket: Socket,
  more: { requestTimeoutMs?: number; maxResponseBytes?: number } = {},
) => Connection.open({ host: "broker", port: 9092, dial: () => Promise.resolve(socket), ...more });

Deno.test("versionFor() is the highest version that both sides speak", async () => {
  const connection = await open(new ScriptedSocket(versions));
  assertEquals(connection.versionFor(Metadata), 12);
  assertEquals(connection.versionFor(Metadata, 9), 9);
  assertThrows(() => connection.versionFor(Fetch, 3), Error, "speaks 4 to 12, needed was");
  assertThrows(() => connection.versionFor({ key: 99, name: "Unheard", min: 0, max: 1 }));
  connection.close();
});

Deno.test("open() asks again in version 0 when the broker does not know the newest", async () => {
  const asked: number[] = [];
  const socket = new ScriptedSocket((request) => {
    asked.push(request.apiVersion);
    if (request.apiVersion === 0) return versions(request);
    return joined(encodeResponse(ApiVersions, 0, request.correlationId, { errorCode: 35 }));
  });
  const connection = await open(socket);
  assertEquals(asked, [4, 0]);
  assertEquals(connection.versionFor(Metadata), 12);
  connection.close();
});

Deno.test("open() names the address when it cannot connect", async () => {
  const dial = () => Promise.reject(new Error("refused"));
  await assertRejects(
    () => Connection.open({ host: "broker", port: 9092, dial }),
    ConnectionError,
    "Cannot connect to broker:9092: refused",
  );
});

Deno.test("a socket that comes when nobody waits any more is closed, whatever that throws", async () => {
  let closed = 0;
  const late: Socket = {
    read: () => Promise.resolve(null),
    write: () => Promise.resolve(0),
    close() {
      closed++;
      throw new Error("closed already");
    },
  };
  const come = Promise.withResolvers<Socket>();
  const opening = Connection.open({
    host: "broker",
    port: 9092,
    connectTimeoutMs: 1,
    dial: () => come.promise,
  });
  await assertRejects(() => opening, ConnectionError, "not within 1 ms");
  come.resolve(late);
  await new Promise((resolve) => setTimeout(resolve, 1)); // what nobody catches would fail the test
  assertEquals(closed, 1);
});

Deno.test("a TLS socket that comes when nobody waits any more does not wait for a handshake", async () => {
  const { connectTls } = Deno, come = Promise.withResolvers<Deno.TlsConn>();
  let closed = 0;
  Deno.connectTls = () => come.promise;
  try {
    const tls = {}, opening = Connection.open({ host: "b", port: 1, connectTimeoutMs: 1, tls });
    await assertRejects(() => opening, ConnectionError, "not within 1 ms");
    const late = { handshake: () => new Promise(() => {}), close: () => closed++ };
    come.resolve(late as unknown as Deno.TlsConn);
    await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(closed, 1);
  } finally {
    Deno.connectTls = connectTls;
  }
});

Deno.test("requests that overlap each get their own answer, however it is cut", async () => {
  for (const bytesARead of [1, 3, Infinity]) {
    const socket = new ScriptedSocket(afterVersions(cluster), bytesARead);
    const connection = await open(socket);
    const before = socket.writes;
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => connection.request(Metadata, 12, { topics: [] })),
    );
    assertEquals(answers.map((answer) => answer.controllerId), answers.map((_, i) => i + 2));
    assert(socket.writes - before <= 2, "requests of one turn leave together");
    assertEquals(connection.inFlight, 0);
    connection.close();
  }
});

Deno.test("a response larger than the reading buffer arrives whole, with a small one behind it", async () => {
  const records = Uint8Array.from({ length: 300_000 }, (_, i) => i);
  const answer = afterVersions((asked) =>
    asked.apiKey === 3
      ? cluster(asked)
      : joined(encodeResponse(Fetch, asked.apiVersion, asked.correlationId, {
        responses: [{ topic: "a", partitions: [{ records }] }],
      }))
  );
  const connection = await open(new ScriptedSocket(answer, 10_007));
  const [large, small] = await Promise.all([
    connection.request(Fetch, 12, { maxWaitMs: 0, minBytes: 0, topics: [] }),
    connection.request(Metadata, 12, { topics: [] }),
  ]);
  assertEquals(large.responses[0].partitions[0].records, records);
  assertEquals(small.controllerId, 3);
  connection.close();
});

Deno.test("the oldest request that runs out of time fails all of them and closes", async () => {
  const connection = await open(new ScriptedSocket(afterVersions(() => null)));
  const first = connection.request(Metadata, 12, { topics: [] }, { timeoutMs: 20 });
  const second = connection.request(Metadata, 12, { topics: [] }, { timeoutMs: 60_000 });
  const startedMs = performance.now();
  await assertRejects(() => first, ConnectionError, "no answer in time");
  await assertRejects(() => second, ConnectionError, "no answer in time");
  assert(performance.now() - startedMs < 5000, "the timer of an earlier request does not count");
  assert(connection.isClosed);
  await assertRejects(() => connection.request(Metadata, 12, { topics: [] }), ConnectionError);
});

Deno.test("a response over maxResponseBytes closes the connection", async () => {
  const socket = new ScriptedSocket(afterVersions(() => new Uint8Array([0x7f, 0, 0, 0])));
  const connection = await open(socket, { maxResponseBytes: 1000 });
  await assertRejects(
    () => connection.request(Metadata, 12, { topics: [] }),
    ConnectionError,
    "a response of 2130706432 bytes, allowed are 4 to 1000",
  );
});

Deno.test("what answers in HTTP or TLS is told as that, not as a response of some size", async () => {
  const answers: [Uint8Array, string][] = [
    [new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n"), "it speaks HTTP, not Kafka"],
    [new Uint8Array([0x15, 3, 1, 0, 2, 2, 10]), "it speaks TLS, and was spoken to in clear"],
  ];
  for (const [answer, says] of answers) {
    await assertRejects(() => open(new ScriptedSocket(() => answer)), ConnectionError, says);
  }
});

Deno.test("an answer that cannot be read names who gave it", async () => {
  // The correlation id, no tags, and a list of more brokers than there are bytes.
  const rubbish = (asked: Asked) =>
    new Uint8Array([0, 0, 0, 11, 0, 0, 0, asked.correlationId, 0, 0, 0, 0, 0, 0x7f, 1]);
  const connection = await open(new ScriptedSocket(afterVersions(rubbish)));
  await assertRejects(
    () => connection.request(Metadata, 12, { topics: [] }),
    AnswerError,
    "broker:9092 answers what no broker does: Cannot decode Metadata response",
  );
});

Deno.test("an answer to another request than the one due closes the connection", async () => {
  const socket = new ScriptedSocket(
    afterVersions((asked) => cluster({ ...asked, correlationId: 77 })),
  );
  const connection = await open(socket);
  await assertRejects(
    () => connection.request(Metadata, 12, { topics: [] }),
    ConnectionError,
    "an answer to request 77",
  );
  assert(connection.isClosed);
});

Deno.test("close() fails what is unanswered", async () => {
  const connection = await open(new ScriptedSocket(afterVersions(() => null)));
  const answer = connection.request(Metadata, 12, { topics: [] });
  connection.close();
  await assertRejects(() => answer, ConnectionError, "the client closed");
});

Deno.test("a request that cannot be encoded leaves the connection as it was", async () => {
  const connection = await open(new ScriptedSocket(afterVersions(cluster)));
  const wrong = { topics: [{ name: "x".repeat(40_000) }] };
  await assertRejects(() => Promise.resolve().then(() => connection.request(Metadata, 12, wrong)));
  assertEquals((await connection.request(Metadata, 12, { topics: [] })).controllerId, 2);
  connection.close();
});
