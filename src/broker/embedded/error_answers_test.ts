// Proves that an injected error has a place in the answer of every API and version, that the answer can be sent, and that
// it is of what was asked for; and that a request is parted by topic and partition, and put together again.
import { assert, assertEquals } from "@std/assert";
import { ZERO_UUID } from "../../bytes/uuid.ts";
import { joined as bytesOf } from "../../protocol/codec.ts";
import { decodeResponse, encodeResponse } from "../../protocol/frame.ts";
import { apiByKey } from "../../protocol/messages/mod.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { type Api, type Fields, includes, type Spec } from "../../protocol/schema.ts";
import { errorAnswer, joined, namesTopics, parted, type Struct } from "./error_answers.ts";

const CODE = 41;
const LAST_SERVED = 75;
const apis = Array.from({ length: LAST_SERVED + 1 }, (_, key) => apiByKey(key))
  .filter((api) => api !== undefined);

Deno.test("every API has a place for an error in every version, and the answer can be sent", () => {
  for (const api of apis) {
    for (let version = api.min; version <= api.max; version++) {
      const asked = sample(api.request.fields, version) as Struct;
      const answer = errorAnswer(api, version, asked, CODE);
      const what = `${api.name} v${version}`;
      assert(answer !== null, what);
      const codes = codesOf(sent(api, version, answer!));
      assert(codes.length > 0 && codes.every((code) => code === CODE), `${what}: ${codes}`);
    }
  }
});

Deno.test("an error of a topic is answered with that topic's name and partition, where topics are named", () => {
  const meant = { topic: () => true };
  for (const api of apis.filter(namesTopics)) {
    for (let version = api.min; version <= api.max; version++) {
      const { hit } = parted(sample(api.request.fields, version) as Struct, meant);
      const what = `${api.name} v${version}`;
      const answer = errorAnswer(api, version, hit!, CODE, { atTop: false });
      assert(answer !== null, what);
      const text = Deno.inspect(sent(api, version, answer!), { depth: 9 });
      assert(text.includes(`"${TEXT}"`) || text.includes(ID), `${what}: ${text}`);
    }
  }
});

Deno.test("what is meant of a request and the rest are the whole, answered as one", () => {
  const data = (...indexes: number[]) => indexes.map((index) => ({ index, records: null }));
  const request = {
    acks: -1,
    topicData: [
      { name: "a", topicId: ID, partitionData: data(0, 1) },
      { name: "b", topicId: ID, partitionData: data(0) },
    ],
  };
  const { hit, rest } = parted(request, { topic: ({ name }) => name === "a", partition: 1 });
  assertEquals(hit!.topicData, [{ name: "a", topicId: ID, partitionData: data(1) }]);
  assertEquals(rest!.topicData, [
    { name: "a", topicId: ID, partitionData: data(0) },
    { name: "b", topicId: ID, partitionData: data(0) },
  ]);
  const served = {
    throttleTimeMs: 3,
    responses: [
      { name: "a", partitionResponses: [{ index: 0, errorCode: 0, baseOffset: 7 }] },
      { name: "b", partitionResponses: [{ index: 0, errorCode: 0, baseOffset: 8 }] },
    ],
  };
  const api = Produce as unknown as Api;
  const errors = errorAnswer(api, 9, hit!, CODE, { atTop: false })!;
  const whole = sent(api, 9, joined(served, errors)) as typeof served;
  assertEquals(
    whole.responses.map(({ name, partitionResponses }) => [
      name,
      ...partitionResponses.map((
        { index, errorCode, baseOffset },
      ) => [index, errorCode, baseOffset]),
    ]),
    [["a", [0, 0, 7], [1, CODE, -1]], ["b", [0, 0, 8]]],
  );
  assertEquals(whole.throttleTimeMs, 3);
});

const TEXT = "asked-for";
const ID = "AAECAwQFBgcICQoLDA0ODw";

/** A request with one of everything. */
function sample(fields: Fields, version: number): unknown {
  return Object.fromEntries(
    Object.entries(fields).map(([name, { spec }]) => [
      name,
      includes(spec.versions, version) ? valueOf(spec, version) : absent(spec),
    ]),
  );
}

function valueOf(spec: Spec, version: number): unknown {
  switch (spec.kind) {
    case "array":
      return [valueOf(spec.element!, version)];
    case "struct":
      return sample(spec.fields!, version);
    case "string":
      return TEXT;
    case "uuid":
      return ID;
    case "bool":
      return true;
    case "bytes":
    case "records":
      return new Uint8Array(1);
    case "bigint64":
      return 1n;
    default:
      return 1;
  }
}

function absent({ kind }: Spec): unknown {
  return kind === "array" ? [] : kind === "string" ? "" : kind === "uuid" ? ZERO_UUID : 0;
}

/** As a client gets it. */
function sent(api: Api, version: number, answer: Struct): unknown {
  const frame = bytesOf(encodeResponse(api, version, 1, answer));
  return decodeResponse(api, version, frame.subarray(4)).body;
}

function codesOf(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(codesOf);
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    /^(partitionE|e)rrorCode$/.test(name) ? [inner as number] : codesOf(inner)
  ).filter((code) => code !== 0);
}
