/**
 * Frames: sizes, headers of every version, and which bytes are copied.
 */
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { readInt32 } from "../bytes/int64.ts";
import { ProtocolError } from "../bytes/reader.ts";
import { decode, encode, joined } from "./codec.ts";
import {
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from "./frame.ts";
import { ApiVersions } from "./messages/api_versions.ts";
import { Fetch } from "./messages/fetch.ts";
import { RequestHeader, ResponseHeader } from "./messages/headers.ts";
import { apis } from "./messages/mod.ts";
import { Produce } from "./messages/produce.ts";

Deno.test("decodeRequestHeader() reads every API's header as the declared message does", () => {
  for (const api of apis) {
    for (let version = api.min; version <= api.max; version++) {
      for (const clientId of ["client-1", "", null]) {
        const frame = joined(encodeRequest(api, version, { correlationId: -7, clientId }, {}))
          .subarray(4);
        const declared = decode(RequestHeader, version >= api.flexibleFrom ? 2 : 1, frame);
        const { bodyAt, ...header } = decodeRequestHeader(frame);
        assertEquals(declared, {
          requestApiKey: header.apiKey,
          requestApiVersion: header.apiVersion,
          correlationId: header.correlationId,
          clientId: header.clientId,
        });
        assertEquals(
          frame.subarray(bodyAt),
          encode(api.request, version, {}),
          `${api.name} v${version}`,
        );
      }
    }
  }
});

Deno.test("decodeRequestHeader() skips tagged fields of a flexible header", () => {
  const frame = Uint8Array.of(0, 18, 0, 3, 0, 0, 0, 1, 0, 1, 97, 1, 9, 2, 8, 8, 77);
  assertEquals(decodeRequestHeader(frame), {
    apiKey: 18,
    apiVersion: 3,
    correlationId: 1,
    clientId: "a",
    bodyAt: 16,
  });
});

Deno.test("decodeRequestHeader() reads headers of unknown APIs and versions as far as they are sure", () => {
  const known = { correlationId: 1, clientId: null, bodyAt: 10 };
  const header = (...start: number[]) =>
    decodeRequestHeader(Uint8Array.of(...start, 0, 0, 0, 1, 255, 255));
  assertEquals(header(0x7f, 0xff, 0, 0), { apiKey: 0x7fff, apiVersion: 0, ...known });
  assertEquals(header(0, 18, 0, 99), { apiKey: 18, apiVersion: 99, ...known });
  assertEquals(header(0, 1, 255, 255), { apiKey: 1, apiVersion: -1, ...known });
});

Deno.test("decodeRequestHeader() takes a client id of 30 KB and refuses one past the end", () => {
  const frame = joined(
    encodeRequest(Produce, 9, { correlationId: 1, clientId: "c".repeat(30_000) }, {}),
  ).subarray(4);
  assertEquals(decodeRequestHeader(frame).clientId!.length, 30_000);
  assertThrows(
    () => decodeRequestHeader(frame.subarray(0, 20)),
    ProtocolError,
    "client id of 30000 bytes",
  );
  assertThrows(() => decodeRequestHeader(frame.subarray(0, 9)), ProtocolError, "10 bytes at least");
});

Deno.test("a request read back is the one that was sent", () => {
  const body = { acks: 1, timeoutMs: 5, topicData: [{ name: "t", partitionData: [{ index: 3 }] }] };
  const frame = joined(encodeRequest(Produce, 9, { correlationId: 1, clientId: "c" }, body));
  assertEquals(readInt32(frame, 0), frame.length - 4);
  const request = decodeRequest(
    Produce,
    9,
    frame.subarray(4),
    decodeRequestHeader(frame.subarray(4)).bodyAt,
  );
  assertEquals(request.topicData[0].partitionData, [{ index: 3, records: null }]);
});

Deno.test("a response's header has tagged fields in flexible versions, but never for ApiVersions", () => {
  for (const api of apis) {
    for (let version = api.min; version <= api.max; version++) {
      const frame = joined(encodeResponse(api, version, 42, {})).subarray(4);
      const isTagged = version >= api.flexibleFrom && api !== ApiVersions;
      const header = encode(ResponseHeader, isTagged ? 1 : 0, { correlationId: 42 });
      assertEquals(frame.subarray(0, header.length), header, `${api.name} v${version}`);
      assertEquals(
        frame.subarray(header.length),
        encode(api.response, version, {}),
        `${api.name} v${version}`,
      );
      assertEquals(decodeResponse(api, version, frame).correlationId, 42);
    }
  }
});

Deno.test("a fetch response's records are chunks of their own, and the size counts them", () => {
  const first = new Uint8Array(5000), second = new Uint8Array(7000), small = new Uint8Array(10);
  const partitions = [{ partitionIndex: 0, records: [first, small, second] }, {
    partitionIndex: 1,
  }];
  const chunks = encodeResponse(Fetch, 12, 1, { responses: [{ topic: "t", partitions }] });
  assertEquals(chunks.filter((chunk) => chunk.length >= 5000).length, 2);
  assertStrictEquals(chunks[1], first);
  assertStrictEquals(chunks[3], second);
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  assertEquals(readInt32(chunks[0], 0), total - 4);
  const { body } = decodeResponse(Fetch, 12, joined(chunks).subarray(4));
  assertEquals(body.responses[0].partitions.map(({ records }) => records?.length), [
    12010,
    undefined,
  ]);
});

Deno.test("a response without large records is one chunk that nobody else writes to", () => {
  const chunks = encodeResponse(ApiVersions, 0, 1, { apiKeys: [{ apiKey: 18, maxVersion: 5 }] });
  const before = chunks[0].slice();
  encodeResponse(ApiVersions, 0, 2, { errorCode: 35 });
  assertEquals(chunks, [before]);
});
