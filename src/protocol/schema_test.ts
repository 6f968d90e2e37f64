/**
 * What the builders declare: versions, defaults, and the types that follow (checked by `deno check`).
 */
import { assertEquals } from "@std/assert";
import {
  api,
  array,
  type Decoded,
  defaultOf,
  type Encodable,
  includes,
  int32,
  int64,
  isDefault,
  message,
  records,
  string,
  struct,
} from "./schema.ts";

Deno.test("a field is in the versions it says", () => {
  const inVersions = (versions: Parameters<typeof int32.in>[0]) =>
    [0, 1, 2, 3, 4].filter((version) => includes(int32.in(versions).spec.versions, version));
  assertEquals(inVersions("2"), [2]);
  assertEquals(inVersions("1-3"), [1, 2, 3]);
  assertEquals(inVersions("3+"), [3, 4]);
  // @ts-expect-error: versions are numbers
  int32.in("three+");
});

Deno.test("builders leave the field they start from as it was", () => {
  const optional = string.nullable().in("2+").default("x").ignorable();
  assertEquals([string.spec.fallback, string.spec.ignorable, optional.spec.ignorable], [
    undefined,
    false,
    true,
  ]);
});

Deno.test("defaults are Kafka's unless said otherwise, and fresh each time", () => {
  assertEquals(defaultOf(int32.default(-1).spec), -1);
  assertEquals(defaultOf(int64.exact().spec), 0n);
  assertEquals(defaultOf(string.nullable().spec), null);
  assertEquals(defaultOf(string.nullable().default("").spec), "");
  assertEquals(defaultOf(struct({ id: int32.default(7), names: array(string) }).spec), {
    id: 7,
    names: [],
  });
  const list = array(string).nullable().default([]);
  (defaultOf(list.spec) as string[]).push("mine");
  assertEquals(defaultOf(list.spec), []);
});

Deno.test("isDefault() looks into structs and tells null from empty", () => {
  const leader = struct({ leaderId: int32.default(-1), leaderEpoch: int32.default(-1) });
  assertEquals(isDefault(leader.spec, { leaderId: -1, leaderEpoch: -1 }), true);
  assertEquals(isDefault(leader.spec, { leaderId: -1 }), true);
  assertEquals(isDefault(leader.spec, { leaderId: 0, leaderEpoch: -1 }), false);
  assertEquals(isDefault(array(int32).nullable().spec, []), false);
  assertEquals(isDefault(array(int32).nullable().spec, null), true);
  assertEquals(isDefault(array(int32).spec, []), true);
  assertEquals(isDefault(array(int32).nullable().default([]).spec, null), false);
});

Deno.test("an API's request and response share its versions", () => {
  const ping = api({
    key: 99,
    name: "Ping",
    versions: "1-4",
    flexible: "3+",
    request: {},
    response: {},
  });
  for (const { min, max, flexibleFrom } of [ping, ping.request, ping.response]) {
    assertEquals([min, max, flexibleFrom], [1, 4, 3]);
  }
  const plain = message({ name: "Plain", versions: "0", flexible: "none", fields: {} });
  assertEquals([plain.min, plain.max, plain.flexibleFrom], [0, 0, Infinity]);
});

// Types: these lines are the test, and fail in `deno check`.
const sample = message({
  name: "Sample",
  versions: "0",
  flexible: "none",
  fields: {
    id: int32,
    offset: int64.exact(),
    name: string.nullable(),
    parts: array({ index: int32, records: records.nullable() }),
  },
});
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : never;
const decodedType: Same<Decoded<typeof sample>, {
  id: number;
  offset: bigint;
  name: string | null;
  parts: { index: number; records: Uint8Array | null }[];
}> = true;
const encodableType: Same<Encodable<typeof sample>, {
  readonly id?: number;
  readonly offset?: bigint;
  readonly name?: string | null;
  readonly parts?: readonly {
    readonly index?: number;
    readonly records?: Uint8Array | readonly Uint8Array[] | null;
  }[];
}> = true;
void [decodedType, encodableType];
