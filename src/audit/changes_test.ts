/**
 * Proves that the table of changes speaks of every API, and that what it says of each fits its messages: its refusal can be
 * sent in every version served, and every thing that a request names is found again in the answer to it.
 */
import { assert, assertEquals } from "@std/assert";
import { topicConfigDefaults } from "../config/topic_configs.ts";
import { allGuards } from "../handlers/guards/mod.ts";
import { joined } from "../protocol/codec.ts";
import { ProtocolError } from "../protocol/errors.ts";
import {
  decodeRequest,
  decodeRequestHeader,
  encodeRequest,
  encodeResponse,
} from "../protocol/frame.ts";
import type { Api } from "../protocol/schema.ts";
import { POLICY_VIOLATION, samples } from "../testing/audited_requests.ts";
import { Catalogue } from "../topics/catalogue.ts";
import { outcomesOf } from "./changes/change.ts";
import { CHANGES, NO_CHANGES } from "./changes/mod.ts";
import { changeLines, partsOf } from "./lines.ts";

Deno.test("every API that is served is in the table of changes, or in the list of those that change nothing, once", () => {
  const catalogue = new Catalogue({ nodeId: 0, topicDefaults: topicConfigDefaults() });
  const named = [...CHANGES.map(({ api }) => api.name), ...NO_CHANGES.map(({ name }) => name)];
  assertEquals(named.length, new Set(named).size, "named twice");
  const missing = allGuards(catalogue).map(({ api }) => api.name)
    .filter((name) => !named.includes(name));
  assertEquals(missing, [], "say in src/audit/changes/ whether these change anything");
});

Deno.test("of each change there is a request that counts as one, and one that does not where some do not", () => {
  for (const { api, spec } of CHANGES) {
    const { asked, quiet } = samples(api);
    const decoded = asDecoded(api, api.max, asked.request);
    assert([...spec.items(decoded, asked)].length > 0, api.name);
    assert(spec.isChange?.(decoded) ?? true, api.name);
    for (const { request, ...context } of quiet) {
      const decoded = asDecoded(api, api.max, request);
      assertEquals([...spec.items(decoded, context)], [], api.name);
      assert(!spec.isChange?.(decoded), api.name);
    }
  }
});

Deno.test("a refusal can be sent in every version, and says of everything that it was refused", () => {
  for (const one of CHANGES) {
    const { api, spec } = one, { asked } = samples(api);
    let versions = 0;
    for (let version = api.min; version <= api.max; version++) {
      const request = asDecoded(api, version, asked.request);
      if (request === null) continue; // says what this version does not know
      versions++;
      const context = { ...asked, apiVersion: version }, items = [...spec.items(request, context)];
      assert(items.length > 0, `${api.name} v${version}`);
      if (spec.refuse === undefined) {
        const { without } = spec;
        if (without === undefined) throw new Error(`${api.name} cannot be refused`);
        assertEquals([...spec.items(without(request), context)], [], api.name);
        continue;
      }
      const refusal = { errorCode: POLICY_VIOLATION, errorMessage: "words" };
      const answer = spec.refuse(request, refusal, version);
      for (const { name, errorCode } of outcomesOf(one, items, answer)) {
        assertEquals(errorCode, POLICY_VIOLATION, `${api.name} v${version} ${name}`);
      }
      assert(encodeResponse(api, version, 1, answer).length > 0);
    }
    assert(versions > 0, `${api.name}: the sample fits no version`);
  }
});

/** The request as a broker has it; null where this version cannot say it. */
function asDecoded(api: Api, version: number, request: Readonly<Record<string, unknown>>) {
  try {
    const header = { correlationId: 1, clientId: "tool" };
    const frame = joined(encodeRequest(api, version, header, request)).subarray(4);
    return decodeRequest(api, version, frame, decodeRequestHeader(frame).bodyAt);
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

Deno.test("what an answer does not speak of, and what had none, went nobody knows how", () => {
  for (const one of CHANGES) {
    const { asked } = samples(one.api);
    const items = [...one.spec.items(asDecoded(one.api, one.api.max, asked.request), asked)];
    for (const { errorCode } of outcomesOf(one, items, null)) assertEquals(errorCode, null);
  }
});

Deno.test("nothing secret is in what is written of a change", () => {
  for (const { api, spec } of CHANGES) {
    const { asked } = samples(api);
    const items = [...spec.items(asDecoded(api, api.max, asked.request), asked)];
    const text = JSON.stringify(items, (_name, value) => {
      if (value instanceof Uint8Array) throw new Error(`${api.name} has bytes`);
      return typeof value === "bigint" ? String(value) : value;
    });
    assert(!text.includes("SECRET"), `${api.name}: ${text}`);
  }
});

Deno.test("of a request that names very much, what became of it is found in the time that its size takes", () => {
  const few = 500, many = 20_000;
  for (const one of CHANGES.filter(({ api }) => api.name === "AlterClientQuotas")) {
    const entriesOf = (count: number) =>
      Array.from({ length: count }, (_, i) => ({
        entity: [{ entityType: "user", entityName: `u${i}` }],
        ops: [],
      }));
    const found = (count: number) => {
      let reads = 0;
      const entries = entriesOf(count);
      const items = one.spec.items({ entries, validateOnly: false }, samples(one.api).asked);
      const answer = {
        entries: entries.map(({ entity }) => ({
          get entity() {
            reads++;
            return entity;
          },
          errorCode: 31,
        })),
      };
      assert([...outcomesOf(one, items, answer)].every(({ errorCode }) => errorCode === 31));
      return reads;
    };
    assertEquals(found(few) / few, found(many) / many);
  }
});

Deno.test("what a request names, and what is answered of it, is looked at one by one, so that others may have a turn between", () => {
  const count = 10_000, one = CHANGES.find(({ api }) => api.name === "DeleteRecords")!;
  let reads = 0;
  const counted = <Value>(partitionIndex: number, more: Value) => ({
    get partitionIndex() {
      reads++;
      return partitionIndex;
    },
    ...more,
  });
  const partitions = Array.from({ length: count }, (_, i) => counted(i, { offset: 0 }));
  const answered = Array.from({ length: count }, (_, i) => counted(i, { errorCode: i % 2 }));
  const request = { topics: [{ name: "t", partitions }] };
  const mostAtOnce = <One>(all: Iterable<One>): [One[], number] => {
    const made: One[] = [];
    let most = 0, before = reads;
    for (const one of all) {
      made.push(one);
      most = Math.max(most, reads - before);
      before = reads;
    }
    return [made, most];
  };
  const [items, mostAsked] = mostAtOnce(one.spec.items(request, samples(one.api).asked));
  const answer = { topics: [{ name: "t", partitions: answered }] };
  const [outcomes, mostAnswered] = mostAtOnce(outcomesOf(one, items, answer));
  assertEquals([items.length, outcomes.length], [count, count]);
  assert(mostAsked <= 4 && mostAnswered <= 4, `${mostAsked} ${mostAnswered}`);
  assertEquals(
    outcomes.map(({ errorCode }) => errorCode),
    answered.map(({ errorCode }) => errorCode),
  );
  const [parts, most] = mostAtOnce(partsOf(outcomes));
  assert(most === 0 && parts.length > 10 && parts.every(({ length }) => length < 1000));
});

Deno.test("of two answers of one thing each is one's who asked for it, and an answer in another order is found", () => {
  const one = CHANGES.find(({ api }) => api.name === "DeleteRecords")!;
  const codesOf = (asked: readonly number[], answered: readonly (readonly [number, number])[]) => {
    const partitions = asked.map((partitionIndex) => ({ partitionIndex, offset: 0 }));
    const request = { topics: [{ name: "t", partitions }] };
    const answers = answered.map(([partitionIndex, errorCode]) => ({ partitionIndex, errorCode }));
    const items = one.spec.items(request, samples(one.api).asked);
    return [...outcomesOf(one, items, { topics: [{ name: "t", partitions: answers }] })]
      .map(({ errorCode }) => errorCode);
  };
  assertEquals(codesOf([7, 7], [[7, 0], [7, 1]]), [0, 1]);
  assertEquals(codesOf([1, 2, 3, 4], [[4, 40], [2, 20], [1, 10]]), [10, 20, null, 40]);
  assertEquals(codesOf([1, 1, 2], [[1, 10], [2, 20]]), [10, 10, 20]);
});

Deno.test("no line is longer than a start looks back, however much one thing was to become, and nothing is left out", () => {
  const configs = Array.from({ length: 5000 }, (_, i) => ({
    name: `name-${i}-${"\u200b".repeat(200)}`,
    value: "\u200b".repeat(300),
  }));
  const outcomes = [
    { type: "topic", name: "orders", change: { partitions: 3, configs }, errorCode: 40 },
    { type: "topic", name: "small", change: { partitions: 1 }, errorCode: 0 },
  ];
  const who = { principal: "User:a", address: "::1", port: 1, listener: "L", clientId: "c" };
  const asked = { ...who, api: "CreateTopics", apiVersion: 7 };
  const lines = [...changeLines(0, asked, { action: "topic.create", outcomes, access: null })];
  assert(lines.every(({ length }) => length < 256 * 1024));
  const resources = lines.flatMap((line) => JSON.parse(`{${line}}`).resources);
  assertEquals(
    resources.flatMap(({ name, error, change }) =>
      (change.configs ?? []).map((config: { name: string }) =>
        [name, error, config.name.slice(0, 9).split("-")[1]].join(" ")
      )
    ),
    configs.map((_, i) => `orders INVALID_CONFIG ${String(i)}`),
  );
  assertEquals(resources.filter(({ change }) => change.partitions !== undefined).length, 2);
});
