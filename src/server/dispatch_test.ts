/** Proves what the log is told of a request that is not answered: which API, which versions, and whose request it was. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { BufferPool } from "../bytes/pool.ts";
import { type ConnectionInfo, handler } from "../handlers/handler.ts";
import { joined } from "../protocol/codec.ts";
import { encodeRequest } from "../protocol/frame.ts";
import { AddOffsetsToTxn } from "../protocol/messages/add_offsets_to_txn.ts";
import { CreateTopics } from "../protocol/messages/create_topics.ts";
import { Fetch } from "../protocol/messages/fetch.ts";
import { SaslAuthenticate } from "../protocol/messages/sasl_authenticate.ts";
import { OPEN_ACCESS } from "../security/acl/access.ts";
import { ClientQuotas } from "../quotas/client_quotas.ts";
import { dispatcher } from "./dispatch.ts";

const told: [event: string, details: Record<string, unknown>][] = [];
const dispatch = dispatcher({
  handlers: [handler(CreateTopics, { min: 2, max: 7 }, () => {
    throw new Error("a bug");
  })],
  accessOf: () => OPEN_ACCESS,
  quotas: new ClientQuotas({ nowMs: () => 0 }),
  onAnswered: () => {},
  onProblem: (...one) => told.push(one),
  maxElements: 1000,
});

function connection(
  software: Partial<Pick<ConnectionInfo, "clientSoftwareName" | "clientSoftwareVersion">> = {},
): ConnectionInfo {
  const admits = () => true;
  const known = {
    admits,
    clientSoftwareName: "unknown",
    clientSoftwareVersion: "unknown",
    ...software,
  };
  return { peer: "10.0.0.7", ...known } as unknown as ConnectionInfo; // all that dispatch reads of it
}

/** A header alone: key, version, correlation id, client id "app". */
function header(apiKey: number, version: number): Uint8Array {
  const frame = new Uint8Array(13);
  const view = new DataView(frame.buffer);
  view.setInt16(0, apiKey);
  view.setInt16(2, version);
  view.setInt16(8, 3);
  frame.set(new TextEncoder().encode("app"), 10);
  return frame;
}

function toldOf(frame: Uint8Array, from = connection()): [string, Record<string, unknown>] {
  told.length = 0;
  dispatch(frame, from);
  assertEquals(told.length, 1);
  return told[0];
}

Deno.test("a version that is not served is told with the API's name, its versions and the client's software", () => {
  const from = connection({ clientSoftwareName: "librdkafka", clientSoftwareVersion: "0.9.5" });
  const [event, details] = toldOf(header(CreateTopics.key, 1), from);
  assertEquals([event, details], ["unsupported_version", {
    peer: "10.0.0.7",
    client: "librdkafka 0.9.5",
    clientId: "app",
    api: "CreateTopics",
    apiKey: 19,
    apiVersion: 1,
    served: "2 to 7",
  }]);
});

Deno.test("an API that is not served is told by its name, of Kafka's clients by their id at least", () => {
  const [event, { api, apiKey, apiVersion, client, clientId }] = toldOf(
    header(AddOffsetsToTxn.key, 2),
  );
  assertEquals([event, api, apiKey, apiVersion, client, clientId], [
    "unknown_api",
    "AddOffsetsToTxn",
    25,
    2,
    "unknown",
    "app",
  ]);
});

Deno.test("a key that is no API of Kafka's clients has no name", () => {
  assertEquals(toldOf(header(999, 0))[1].api, "unknown");
});

Deno.test("a request that cannot be read, and one that a handler fails at, are told with the same facts", () => {
  const [malformed, details] = toldOf(header(CreateTopics.key, 2));
  assertEquals([malformed, details.api, details.clientId], [
    "malformed_request",
    "CreateTopics",
    "app",
  ]);
  const frame = joined(encodeRequest(CreateTopics, 2, { correlationId: 1, clientId: "app" }, {}));
  const [failed, of] = toldOf(frame.subarray(4));
  assertEquals([failed, of.api, of.clientId], ["handler_failed", "CreateTopics", "app"]);
});

Deno.test("a request that names more than can be answered in a moment ends its connection", () => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `t${i}` }));
  const request = (count: number) => {
    const asked = { correlationId: 1, clientId: "app" };
    return joined(encodeRequest(CreateTopics, 7, asked, { topics: names(count) })).subarray(4);
  };
  assertEquals(toldOf(request(1000))[0], "handler_failed");
  const [event, { reason }] = toldOf(request(1001));
  assertEquals(event, "malformed_request");
  assertStringIncludes(String(reason), "1001 array elements, at most 1000 in a message");
});

Deno.test("memory of records that were copied into a reply is given back, other bytes are left alone", () => {
  const pool = new BufferPool({ keepBytes: 1 << 20 }), other = pool.take(100).subarray(0, 100);
  const read = (bytes: number) => pool.take(bytes).subarray(0, bytes);
  let rows = [100];
  const answering = dispatcher({
    handlers: [
      handler(Fetch, { min: 4, max: 12 }, () => ({
        responses: [{
          topic: "t",
          partitions: rows.map((bytes) => ({ records: bytes === 0 ? null : read(bytes) })),
        }],
      })),
      handler(SaslAuthenticate, { min: 0, max: 2 }, () => ({ authBytes: other })),
    ],
    accessOf: () => OPEN_ACCESS,
    quotas: new ClientQuotas({ nowMs: () => 0 }),
    onAnswered: () => {},
    onProblem: (...one) => told.push(one),
    giveBack: (bytes) => pool.give(bytes),
  });
  const asked = { correlationId: 1, clientId: "app" }, lentBytes = pool.lentBytes;
  const answer = (request: Uint8Array[]) =>
    answering(joined(request).subarray(4), connection()) as readonly Uint8Array[];
  for (let i = 0; i < 3; i++) {
    rows = [100, 0, 1024, 1];
    answer(encodeRequest(Fetch, 12, asked, {}));
    assertEquals(pool.lentBytes, lentBytes);
    rows = [5000, 100];
    const reply = answer(encodeRequest(Fetch, 12, asked, {}));
    assertEquals(pool.lentBytes, lentBytes + 8192); // until it has been sent
    for (const chunk of reply) pool.give(chunk);
    answer(encodeRequest(SaslAuthenticate, 2, asked, {}));
    assertEquals(pool.lentBytes, lentBytes);
  }
});
