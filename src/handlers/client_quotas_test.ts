/**
 * Client quotas, set and described over a metadata log in memory and through the codec. Codes and texts are those a
 * Kafka 4.4.0 was seen to give.
 */
import { assertEquals } from "@std/assert";
import { AlterClientQuotas } from "../protocol/messages/alter_client_quotas.ts";
import { DescribeClientQuotas } from "../protocol/messages/describe_client_quotas.ts";
import { adminFixture, ask, everyVersion } from "../testing/admin.ts";
import { alterClientQuotas } from "./alter_client_quotas.ts";
import { describeClientQuotas } from "./describe_client_quotas.ts";

type Entity = Record<string, string | null>;
/** Null removes. */
type Values = Record<string, number | null>;
type Component = [entityType: string, matchType: number, match: string | null];

const EXACT = 0, DEFAULT = 1, SPECIFIED = 2;

async function start() {
  const { fixture } = await adminFixture();
  const alterHandler = alterClientQuotas({ metadata: fixture.metadata });
  const alter = async (
    quotas: [Entity, Values][],
    { validateOnly = false, version = 1 } = {},
  ) => {
    const answer = await ask(alterHandler, AlterClientQuotas, version, {
      entries: quotas.map(([entity, values]) => ({
        entity: Object.entries(entity).map(([entityType, entityName]) => ({
          entityType,
          entityName,
        })),
        ops: Object.entries(values).map(([key, value]) => ({
          key,
          value: value ?? 0,
          remove: value === null,
        })),
      })),
      validateOnly,
    });
    return answer.entries.map(({ errorCode, errorMessage }) => [errorCode, errorMessage]);
  };
  const describe = (components: Component[], { strict = false, version = 1 } = {}) =>
    ask(
      describeClientQuotas({ catalogue: fixture.catalogue }),
      DescribeClientQuotas,
      version,
      {
        components: components.map(([entityType, matchType, match]) => ({
          entityType,
          matchType,
          match,
        })),
        strict,
      },
    );
  const shown = async (components: Component[], options = {}) =>
    (await describe(components, options)).entries!.map(({ entity, values }) =>
      [
        ...entity.map((part) => `${part.entityType}=${part.entityName}`),
        ...values.map(({ key, value }) => `${key}:${value}`),
      ].join(" ")
    );
  return { fixture, alterHandler, alter, describe, shown };
}

Deno.test("Quotas are set, changed and removed in every version", async () => {
  const { alterHandler, alter, shown } = await start();
  await everyVersion(alterHandler, async (version) => {
    await alter([[{ user: "u" }, { producer_byte_rate: 1000, request_percentage: 1.5 }]], {
      version,
    });
    assertEquals(await shown([], { version }), [
      "user=u producer_byte_rate:1000 request_percentage:1.5",
    ]);
    await alter([[{ user: "u" }, { producer_byte_rate: 2000, request_percentage: null }]], {
      version,
    });
    assertEquals(await shown([], { version }), ["user=u producer_byte_rate:2000"]);
    await alter([[{ user: "u" }, { producer_byte_rate: null, zap: null }]], { version });
    assertEquals(await shown([], { version }), []);
  });
});

Deno.test("Quotas are there after a restart, and validateOnly sets none", async () => {
  const { fixture, alter, shown } = await start();
  await alter([[{ ip: "10.9.8.7" }, { connection_creation_rate: 5 }]]);
  const outcome = await alter([[{ user: "u" }, { producer_byte_rate: 5 }]], { validateOnly: true });
  assertEquals(outcome, [[0, null]]);
  await fixture.restart({ wasClean: true });
  const { entries } = await ask(
    describeClientQuotas({ catalogue: fixture.catalogue }),
    DescribeClientQuotas,
    1,
    { components: [], strict: false },
  );
  assertEquals(entries!.map(({ entity }) => entity[0].entityName), ["10.9.8.7"]);
  assertEquals((await shown([])).length, 1);
});

Deno.test("A filter matches by name, default or any, strictly or not", async () => {
  const { alter, shown } = await start();
  await alter([
    [{ user: "u" }, { producer_byte_rate: 1 }],
    [{ user: "u", "client-id": null }, { producer_byte_rate: 2 }],
    [{ "client-id": "c", user: "u" }, { producer_byte_rate: 3 }],
    [{ user: null }, { producer_byte_rate: 4 }],
  ]);
  const values = async (components: Component[], strict = false) =>
    (await shown(components, { strict })).map((text) => Number(text.split(":")[1]));
  const user: Component = ["user", EXACT, "u"];
  assertEquals(await values([]), [1, 2, 3, 4]);
  assertEquals(await values([], true), []);
  assertEquals(await values([user]), [1, 2, 3]);
  assertEquals(await values([user], true), [1]);
  assertEquals(await values([["user", SPECIFIED, null]], true), [1, 4]);
  assertEquals(await values([["user", DEFAULT, null]]), [4]);
  assertEquals(await values([user, ["client-id", SPECIFIED, null]]), [2, 3]);
  assertEquals(await values([["client-id", DEFAULT, null]]), [2]);
});

Deno.test("An entity with parts in another order is the same entity", async () => {
  const { alter, shown } = await start();
  await alter([[{ user: "u", "client-id": "c" }, { producer_byte_rate: 1 }]]);
  await alter([[{ "client-id": "c", user: "u" }, { producer_byte_rate: 2 }]]);
  assertEquals((await shown([])).length, 1);
});

Deno.test("A bad entity or value is refused, and the others of the request are set", async () => {
  const { alter, shown } = await start();
  const refused: [Entity, Values, string][] = [
    [{}, {}, "Invalid empty client quota entity"],
    [{ zap: "x" }, { producer_byte_rate: 5 }, "Unhandled client quota entity type: zap"],
    [{ user: "" }, { producer_byte_rate: 5 }, "Empty user not supported"],
    [{ user: "a" }, { zap: 5 }, "Invalid configuration key zap"],
    [
      { user: "b" },
      { connection_creation_rate: 5 },
      "Invalid configuration key connection_creation_rate",
    ],
    [{ ip: "1.2.3.4" }, { producer_byte_rate: 5 }, "Invalid configuration key producer_byte_rate"],
    [
      { ip: "no host" },
      { connection_creation_rate: 5 },
      "no host is not a valid IP or resolvable host.",
    ],
    [
      { ip: "1.2.3.5", user: "u" },
      { connection_creation_rate: 5 },
      "Invalid quota entity combination, IP entity should not be combined with User or ClientId",
    ],
    [{ user: "c" }, { producer_byte_rate: 0 }, "Quota producer_byte_rate must be greater than 0"],
    [
      { user: "d" },
      { request_percentage: NaN },
      "Quota request_percentage must be a finite number",
    ],
    [
      { user: "e" },
      { producer_byte_rate: 1.5 },
      "producer_byte_rate cannot be a fractional value.",
    ],
    [
      { user: "f" },
      { consumer_byte_rate: Infinity },
      "Quota consumer_byte_rate must be a finite number",
    ],
    [
      { user: "h" },
      { consumer_byte_rate: 1e30 },
      "Proposed value for consumer_byte_rate is too large for a LONG.",
    ],
    [{ user: "g" }, { producer_byte_rate: 5, zap: 6 }, "Invalid configuration key zap"],
  ];
  const outcomes = await alter([
    ...refused.map(([entity, values]): [Entity, Values] => [entity, values]),
    [{ user: "fine" }, { producer_byte_rate: 5 }],
  ]);
  assertEquals(outcomes, [...refused.map(([, , why]) => [42, why]), [0, null]]);
  assertEquals(await shown([]), ["user=fine producer_byte_rate:5"]);
});

Deno.test("An entity that is named twice is refused both times", async () => {
  const { alter, shown } = await start();
  const outcomes = await alter([
    [{ user: "u" }, { producer_byte_rate: 5 }],
    [{ user: "u" }, { producer_byte_rate: 6 }],
  ]);
  assertEquals(outcomes.map(([code]) => code), [42, 42]);
  assertEquals(await shown([]), []);
});

Deno.test("DescribeClientQuotas refuses a filter that means nothing", async () => {
  const { describe } = await start();
  const cases: [Component[], number, string][] = [
    [[["zap", EXACT, "x"]], 35, "Unsupported entity type zap"],
    [[["", EXACT, "x"]], 42, "Invalid empty entity type."],
    [[["user", 7, "x"]], 42, "Unknown match type 7"],
    [
      [["user", EXACT, null]],
      42,
      "Request specified MATCH_TYPE_EXACT, but set match string to null.",
    ],
    [
      [["user", SPECIFIED, "x"]],
      42,
      "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.",
    ],
    [
      [["user", EXACT, "x"], ["user", EXACT, "y"]],
      42,
      "Entity type user cannot appear more than once in the filter.",
    ],
  ];
  for (const [components, code, why] of cases) {
    const { errorCode, errorMessage, entries } = await describe(components);
    assertEquals([errorCode, errorMessage, entries], [code, why, null]);
  }
  const { errorCode } = await describe([["user", EXACT, "x"], ["ip", EXACT, "1.2.3.4"]]);
  assertEquals(errorCode, 42);
});

Deno.test("There may be 10,000 entities with quotas, and of those each can be altered still", async () => {
  const { alter } = await start();
  const many = Array.from({ length: 10_001 }, (_, i): [Entity, Values] => [
    { user: `u${i}` },
    { producer_byte_rate: 5 },
  ]);
  const outcomes = await alter(many);
  assertEquals(outcomes.filter(([code]) => code === 0).length, 10_000);
  assertEquals(outcomes[10_000][0], 44);
  assertEquals(await alter([[{ user: "u7" }, { producer_byte_rate: 6 }]]), [[0, null]]);
});

Deno.test("An address is what Kafka reads as one without asking the network, localhost too", async () => {
  const { alter } = await start();
  const taken = ["localhost", "Localhost", "::1", "[::1]", "fe80::1%eth0", "1", "1.2", "1.2.3"];
  const refused = ["256.1.1.1", "1.2.3.4.5", "1.2.65536", "0x7f.1", "-", "foo bar", "[1.2.3.4]"];
  for (const ip of [...taken, ...refused]) {
    const [outcome] = await alter([[{ ip }, { connection_creation_rate: 5 }]]);
    const code = Array.isArray(outcome) ? outcome[0] : outcome;
    assertEquals(code, taken.includes(ip) ? 0 : 42, ip);
  }
});
