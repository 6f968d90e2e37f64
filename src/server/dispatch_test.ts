/** Proves what the log is told of a request that is not answered: which API, which versions, and whose request it was. */
import { assertEquals } from "@std/assert";
import { type ConnectionInfo, handler } from "../handlers/handler.ts";
import { joined } from "../protocol/codec.ts";
import { encodeRequest } from "../protocol/frame.ts";
import { AddOffsetsToTxn } from "../protocol/messages/add_offsets_to_txn.ts";
import { CreateTopics } from "../protocol/messages/create_topics.ts";
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
