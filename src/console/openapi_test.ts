/**
 * Proves that the description for programs is true: every route is asked, of a broker in which there is something of
 * everything, and what it answers is looked at by the schema that the description has of it; and so is what it refuses.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Admin } from "../client/admin.ts";
import { Cluster } from "../client/cluster.ts";
import { Consumer } from "../client/consumer.ts";
import { Producer } from "../client/producer.ts";
import { TransactionalProducer } from "../client/transactional_producer.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";
import { routes } from "./routes.ts";

// deno-lint-ignore no-explicit-any -- it is JSON
type Json = any;

/** Throws an Error with the place that does not fit. What the schemas here use of JSON Schema is all there is. */
function mustBe(schema: Json, value: unknown, components: Json, at = "answer"): void {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace("#/components/schemas/", "");
    assert(components[name] !== undefined, `${schema.$ref} is nowhere`);
    return mustBe(components[name], value, components, at);
  }
  if (schema.anyOf !== undefined) {
    const errors: string[] = [];
    for (const one of schema.anyOf) {
      try {
        return mustBe(one, value, components, at);
      } catch (error) {
        errors.push((error as Error).message);
      }
    }
    throw new Error(errors.join("; "));
  }
  const fail = () => {
    throw new Error(
      `${at} = ${JSON.stringify(value)?.slice(0, 100)}: needs ${
        JSON.stringify(schema).slice(0, 200)
      }`,
    );
  };
  const known = new Set([
    "type",
    "enum",
    "properties",
    "required",
    "additionalProperties",
    "items",
  ]);
  for (const word of Object.keys(schema)) assert(known.has(word), `${word} is not looked at`);
  const is = {
    string: typeof value === "string",
    integer: Number.isSafeInteger(value),
    number: Number.isFinite(value),
    boolean: typeof value === "boolean",
    null: value === null,
    array: Array.isArray(value),
    object: typeof value === "object" && value !== null && !Array.isArray(value),
  }[schema.type as string];
  if (!is || (schema.enum !== undefined && !schema.enum.includes(value))) fail();
  if (schema.items !== undefined) {
    for (const [i, one] of (value as unknown[]).entries()) {
      mustBe(schema.items, one, components, `${at}[${i}]`);
    }
  }
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(value as object, name)) throw new Error(`${at} has no ${name}`);
  }
  if (schema.type !== "object") return;
  for (const [name, one] of Object.entries(value as object)) {
    const member = schema.properties?.[name] ?? schema.additionalProperties ?? true;
    if (member === false) throw new Error(`${at} has ${name}`);
    if (member !== true) mustBe(member, one, components, `${at}.${name}`);
  }
}

/** What each route is asked with; of what changes nothing first. */
const ASKED: { readonly [route: string]: { readonly path?: string; readonly body?: unknown } } = {
  "GET session": {},
  "GET overview": {},
  "GET history": { path: "history?range=day" },
  "GET live": {},
  "GET topics": { path: "topics?internal=true&sort=records&order=desc" },
  "GET topics/:topic": {},
  "GET topics/:topic/configs": {},
  "GET topics/:topic/partitions/:partition/segments": {},
  "GET topics/:topic/partitions/:partition/producers": {},
  "GET topics/:topic/records": { path: "topics/t/records?isolation=uncommitted&jsonpath=%24" },
  "GET topics/:topic/records/follow": { path: "topics/t/records/follow?at=start" },
  "GET topics/:topic/records/download": {},
  "GET topics/:topic/partitions/:partition/records/:offset": {},
  "GET topics/:topic/partitions/:partition/records/:offset/key": {},
  "GET topics/:topic/partitions/:partition/records/:offset/value": {},
  "GET groups": {},
  "GET group": { path: "group?id=g" },
  "GET group/lag": { path: "group/lag?id=g" },
  "GET clients": {},
  "GET transactions": {},
  "GET transaction": { path: "transaction?id=x" },
  "GET warnings": {},
  "POST topics": { body: { name: "new", partitions: 2, configs: { "retention.ms": "1000" } } },
  "POST topics/:topic/partitions": { body: { count: 3 } },
  "POST topics/:topic/configs": { body: { configs: { "retention.ms": null } } },
  "POST topics/:topic/records": { body: { key: null, value: null, headers: [] } },
  "POST group/offsets": {
    path: "group/offsets?id=idle",
    body: { topic: "t", to: { kind: "start" }, preview: false },
  },
  "POST group/delete": { path: "group/delete?id=idle", body: { confirm: "idle" } },
  "POST topics/:topic/delete": { body: { confirm: "t" } },
};

async function filled(): Promise<ConsoleBroker & AsyncDisposable> {
  const groups = { initialRebalanceDelayMs: 0 };
  const console = await ConsoleBroker.start({ console: { write: true }, groups });
  await new Admin(console.cluster).createTopics([{ name: "t" }]);
  await using producer = new Producer(console.cluster);
  const headers = [{ key: "h", value: "v" }, { key: "none", value: null }];
  await producer.send({ topic: "t", key: new Uint8Array([255]), value: '{"a":1}', headers });
  const producing = { transactionalId: "x" };
  await using transactional = new TransactionalProducer(console.cluster, producing);
  await transactional.init();
  transactional.begin();
  await transactional.send({ topic: "t", key: "k", value: "v".repeat(10_000) });
  return console;
}

async function joined(console: ConsoleBroker, groupId: string): Promise<Consumer> {
  const cluster = new Cluster({ bootstrap: console.broker.kafkaAddress });
  const consumer = new Consumer(cluster, { groupId, autoOffsetReset: "earliest" });
  consumer.subscribe(["t"]);
  while ((await consumer.poll(500)).length === 0);
  await consumer.commit();
  return consumer;
}

/** Lines of a stream until some have come. */
async function linesOf(response: Response): Promise<unknown[]> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.split("\n").length < 3) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
  }
  await reader.cancel();
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

Deno.test("every route answers what its description says, and refuses as it says", async () => {
  await using console = await filled();
  await (await joined(console, "idle")).close();
  const live = await joined(console, "g");
  assertEquals(
    Object.keys(ASKED).toSorted(),
    routes.map(({ method, path }) => `${method} ${path}`).toSorted(),
  );
  const { paths, components: { schemas } } = await console.get("openapi.json");
  for (const [route, { path, body }] of Object.entries(ASKED)) {
    const [method, pattern] = route.split(" ");
    if (route === "POST group/offsets") await live.close();
    const asked = path ??
      pattern.replace(":topic", "t").replace(":partition", "0").replace(":offset", "0");
    const { responses } = paths[`/${pattern.replace(/:(\w+)/g, "{$1}")}`][method.toLowerCase()];
    const wrong = `${asked}${asked.includes("?") ? "&" : "?"}nonsense=1`;
    const refused = method === "GET" ? await console.get(wrong) : await console.post(wrong, body);
    const refusal = responses.default.content["application/json"].schema;
    mustBe(refusal, refused, schemas, `${route} refused`);
    if (method === "POST") {
      mustBe(
        responses["200"].content["application/json"].schema,
        await console.post(asked, body),
        schemas,
        route,
      );
      continue;
    }
    const response = await console.fetch(asked), type = response.headers.get("content-type")!;
    assertEquals([route, response.status], [route, 200]);
    const described = responses["200"].content[type];
    assert(described !== undefined, `${route} answers ${type}`);
    if (type === "application/octet-stream") await response.bytes();
    else if (type === "application/json") {
      mustBe(described.schema, await response.json(), schemas, route);
    } else {
      for (const line of await linesOf(response)) mustBe(described.schema, line, schemas, route);
    }
  }
  await live.close();
});

Deno.test("what does not fit its schema is found", () => {
  const components = {
    R: {
      type: "object",
      properties: { a: { type: "integer" } },
      required: ["a"],
      additionalProperties: false,
    },
  };
  const schema = {
    type: "array",
    items: { anyOf: [{ $ref: "#/components/schemas/R" }, { type: "null" }] },
  };
  mustBe(schema, [{ a: 1 }, null], components);
  for (const wrong of [[{ a: "1" }], [{}], [{ a: 1, b: 2 }], [1], {}, [{ a: 1.5 }]]) {
    assertThrows(() => mustBe(schema, wrong, components), Error);
  }
  assertThrows(() => mustBe({ type: "string", pattern: "x" }, "x", {}), Error, "not looked at");
});
