/** Proves that /status tells who is connected, what was refused lately and to whom, and asks for the rights of /metrics. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { batchOf, produce } from "./calls.ts";
import { pause, type Settings, TestBroker, withDirectory } from "./harness.ts";

// deno-lint-ignore no-explicit-any
async function statusOf(broker: TestBroker, header?: string): Promise<any> {
  await pause(1050); // it is made once a second
  const headers: HeadersInit = header === undefined ? {} : { Authorization: header };
  const response = await fetch(`http://${broker.httpAddress}/status`, { headers });
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "application/json");
  return await response.json();
}

Deno.test("/status tells of clients with their software, of room and descriptors, and of no refusal where none was", async () => {
  await withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path });
    await broker.connect({ clientId: "one" });
    await broker.connect({ clientId: "one" });
    const status = await statusOf(broker);
    assertEquals(status.clients.length, 1);
    const [{ clientId, software, connections, address, principal, listener }] = status.clients;
    assertEquals([clientId, software, connections, address, principal, listener], [
      "one",
      "runnel",
      2,
      "127.0.0.1",
      "User:ANONYMOUS",
      "PLAINTEXT",
    ]);
    assertEquals([status.refused, status.offline, status.warnings, status.notReady], [
      [],
      [],
      [],
      null,
    ]);
    assertEquals([status.storage.path, status.nodeId], [path, 0]);
    assert(status.storage.freeBytes > 0 && status.process.heapLimitBytes > 0);
    assertEquals(status.process.spareDescriptors, status.process.lookedFor);
    assert(/^[\w-]{22}$/.test(status.clusterId), status.clusterId);
  });
});

Deno.test("/status tells of what came and was no request, and of batches that were refused, each with whose it was", async () => {
  await using broker = await TestBroker.start();
  const wire = await broker.wire();
  await wire.write(new Uint8Array([0, 0, 0, 4, 0, 3, 0, 9]));
  assertEquals(await wire.frame(), null);
  const connection = await broker.connect({ clientId: "writer" });
  await produce(connection, { topic: "none", records: batchOf(["a"]) });
  await produce(connection, { topic: "none", records: batchOf(["a"]) });
  const { refused, events } = await statusOf(broker);
  assertEquals(
    events.some(({ room, level, event, count }: Record<string, unknown>) =>
      room === "broker" && level === "warn" && event === "malformed_request" && Number(count) > 0
    ),
    true,
  );
  const told = refused.map((
    { kind, reason, what, clientId, address, count }: Record<string, unknown>,
  ) => [kind, kind === "malformed_request" ? null : reason, what, clientId, address, count]);
  assertEquals(told, [
    ["produce_failed", "UNKNOWN_TOPIC_OR_PARTITION", "none", "writer", "127.0.0.1", 2],
    ["malformed_request", null, null, null, "127.0.0.1", 1],
  ]);
});

Deno.test("who speaks TLS or HTTP where Kafka is spoken in clear, or asks too much at once, is told of", async () => {
  await using broker = await TestBroker.start();
  const beginnings: [string | number[], string][] = [
    [[0x16, 3, 1, 2, 0, 1, 0], "TLS, where it is spoken in clear"],
    ["GET / HTTP/1.1\r\n\r\n", "HTTP, which http_port speaks"],
    [[0x7f, 0, 0, 0], "a request of 2130706432 bytes, allowed are 1 to 104857600"],
    [[0xff, 0, 0, 0], "a request of -16777216 bytes, allowed are 1 to 104857600"],
  ];
  for (const [bytes] of beginnings) {
    const wire = await broker.wire();
    await wire.write(
      typeof bytes === "string" ? new TextEncoder().encode(bytes) : new Uint8Array(bytes),
    );
    assertEquals(await wire.frame(), null);
  }
  const { refused } = await statusOf(broker);
  assertEquals(
    refused.map(({ kind, reason, what }: Record<string, unknown>) => [kind, reason, what])
      .toSorted(),
    beginnings.map(([, reason]) => ["malformed_request", reason, "PLAINTEXT"]).toSorted(),
  );
});

const SECURE: Settings = {
  auth: {
    enabled: true,
    failureDelayMs: 0,
    mechanism: ["PLAIN"],
    plainUsername: "admin",
    plainPassword: "right",
  },
};
const WRONG = { mechanism: "PLAIN", username: "mallory", password: "wrong" } as const;

Deno.test("/status tells of log-ins that failed, with the name that was claimed", async () => {
  await using broker = await TestBroker.start(SECURE);
  await assertRejects(() => broker.connect({ clientId: "guess", sasl: WRONG }));
  const { refused: [one, ...rest] } = await statusOf(broker);
  assertEquals(rest, []);
  const { kind, reason, address, clientId, principal, count } = one;
  assertEquals([kind, reason, address, clientId, count], [
    "login_failed",
    "failed",
    "127.0.0.1",
    "guess",
    1,
  ]);
  assertStringIncludes(principal, "mallory");
});

Deno.test("/status tells of rights that were missing, in the words of runnel acl, and of none that a listing hides", async () => {
  await using broker = await TestBroker.start({
    authorization: { mode: "on", superUsers: ["User:admin"] },
  });
  await broker.connect(); // ANONYMOUS may do nothing
  const connection = await broker.connect({ clientId: "reader" });
  await connection.request(Metadata, 12, { topics: null });
  assertEquals((await statusOf(broker)).refused, []);
  await connection.request(Metadata, 9, { topics: [{ name: "orders" }] });
  const { refused } = await statusOf(broker);
  assertEquals(
    refused.map(({ kind, reason, what, principal, clientId }: Record<string, unknown>) => [
      kind,
      reason,
      what,
      principal,
      clientId,
    ]),
    [[
      "denied",
      "TOPIC_AUTHORIZATION_FAILED",
      "describe topic:orders",
      "User:ANONYMOUS",
      "reader",
    ]],
  );
});

Deno.test("/status asks for what /metrics asks for", async () => {
  const http = { authentication: "bearer", token: "secret" } as const;
  await using broker = await TestBroker.start({ http });
  const bare = await fetch(`http://${broker.httpAddress}/status`);
  assertEquals(bare.status, 401);
  await bare.body?.cancel();
  assertEquals((await statusOf(broker, "Bearer secret")).nodeId, 0);
  await using open = await TestBroker.start({ http: { ...http, openMetrics: true } });
  assertEquals((await statusOf(open)).nodeId, 0);
});
