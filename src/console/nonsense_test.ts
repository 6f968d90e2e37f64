/** Proves that nothing that may stand in a path, a query or a body is answered as a fault of the broker, by trying it everywhere. */
import { assert, assertEquals } from "@std/assert";
import { Admin } from "../client/admin.ts";
import { Producer } from "../client/producer.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";
import { routes } from "./routes.ts";
import type { ObjectShape, Shape } from "./shape.ts";

const NONSENSE = [
  "",
  " ",
  "0",
  "-1",
  "1e9",
  "2147483648",
  "9007199254740993",
  "99999999999999999999999",
  "NaN",
  "null",
  "[]",
  "__proto__",
  "constructor",
  "__consumer_offsets",
  "../..",
  "a\u0000b",
  "\u202e<img src=x>",
  "💥",
  "x".repeat(300),
  "x".repeat(5000),
];
const VALUES: readonly unknown[] = [...NONSENSE, 0, -1, 1.5, 2 ** 53, 1e300, true, null, [], {}, [
  [],
], {
  kind: "__proto__",
}];

const encoded = (text: string) => encodeURIComponent(text);

async function filled(): Promise<ConsoleBroker> {
  const console = await ConsoleBroker.start({ console: { write: true } });
  await new Admin(console.cluster).createTopics([{ name: "t" }]);
  await using producer = new Producer(console.cluster);
  await producer.send({ topic: "t", key: "k", value: '{"a":1}' });
  return console;
}

/** A path of the route with something else in one place. */
function pathWith(path: string, name: string | null, text: string): string {
  const usual: Record<string, string> = { topic: "t", partition: "0", offset: "0" };
  return path.replace(/:(\w+)/g, (_, one) => encoded(one === name ? text : usual[one]));
}

async function mustBeTold(what: string, response: Response): Promise<void> {
  const type = response.headers.get("content-type");
  if (response.ok && type !== "application/json") return await response.body?.cancel();
  const answer = await response.json();
  // The topic of offsets may only just have been made: that is said, and no fault.
  const isTold = response.status < 500 || answer.error.code === "starting";
  assert(isTold, `${what}: ${response.status} ${JSON.stringify(answer)}`);
  if (!response.ok) assertEquals(typeof answer.error.message, "string", what);
}

Deno.test("whatever stands in a path or a query is answered, or refused in words", async () => {
  await using console = await filled();
  let asked = 0;
  for (const { method, path, query } of routes) {
    if (method !== "GET") continue;
    const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name);
    const needed = query.id === undefined ? "" : "&id=g";
    for (const text of NONSENSE) {
      const tried = [
        ...inPath.map((name) => `${pathWith(path, name, text)}?${needed.slice(1)}`),
        ...Object.keys(query).map((name) =>
          `${pathWith(path, null, "")}?${name}=${encoded(text)}${name === "id" ? "" : needed}`
        ),
      ];
      for (const one of tried) await mustBeTold(one, await console.fetch(one));
      asked += tried.length;
    }
  }
  assert(asked > 1000, String(asked));
});

/** Bodies that fit, each but for one member. */
function* bodiesOf(shape: ObjectShape): Generator<unknown> {
  const whole = usualOf(shape) as Record<string, unknown>;
  yield* VALUES;
  for (const name of [...Object.keys(shape.properties), "__proto__", "nothing"]) {
    for (const value of VALUES) {
      yield JSON.parse(
        JSON.stringify(whole).replace(/^\{/, `{${JSON.stringify(name)}:${JSON.stringify(value)},`)
          .replace(/,\}$/, "}"),
      );
      yield { ...whole, [name]: value };
    }
  }
}

function usualOf(shape: Shape): unknown {
  if ("nullable" in shape) return null;
  if ("oneOf" in shape) return usualOf(shape.oneOf[0]);
  switch (shape.type) {
    case "string":
      return shape.enum?.[0] ?? "nothing-there";
    case "integer":
      return shape.minimum;
    case "boolean":
      return true;
    case "array":
      return [];
    case "map":
      return {};
    case "object":
      return Object.fromEntries(
        shape.required.map((name) => [name, usualOf(shape.properties[name])]),
      );
  }
}

Deno.test("whatever stands in a body is done, or refused in words", async () => {
  await using console = await filled();
  for (const { method, path, body, query } of routes) {
    if (method !== "POST") continue;
    const at = pathWith(path, null, "") + (query.id === undefined ? "" : "?id=g");
    for (const tried of bodiesOf(body!)) {
      const headers = { "x-runnel-console": "1", "content-type": "application/json" };
      const text = JSON.stringify(tried);
      const response = await console.fetch(at, { method, headers, body: text });
      await mustBeTold(`${at} ${text}`, response);
    }
  }
  assertEquals((await console.get("session")).principal, "User:ANONYMOUS");
});
