/** Proves what protects the console, what it says of wrong requests, and that its API is described as it is. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Admin } from "../client/admin.ts";
import { Producer } from "../client/producer.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";
import { CHANGE_HEADER, type SegmentRow } from "./api.ts";
import { Console } from "./console.ts";
import { routes } from "./routes.ts";

const PAGE = new Response("page", { headers: { "content-type": "text/html" } });

function consoleAt(basePath = "", hosts: readonly string[] = []): Console {
  const asset = (path: string) => path === "/" ? PAGE.clone() : null;
  return new Console({ basePath, hosts, asset, begun: () => null });
}

function ask(console: Console, url: string, init: RequestInit = {}): Promise<Response> {
  return console.answer(new Request(url, init), { peer: "127.0.0.1", login: null });
}

async function wordOf(response: Response): Promise<string> {
  return (await response.json()).error.code;
}

Deno.test("a Host that is no address, not localhost and not named is refused, whatever is asked for", async () => {
  const console = consoleAt("", ["runnel.example"]);
  for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example"]) {
    for (const path of ["/", "/api/v1/openapi.json", "/api/v1/topics"]) {
      const response = await ask(console, `http://${host}:9093${path}`);
      assertEquals([response.status, await wordOf(response)], [421, "wrong_host"]);
    }
  }
  for (const host of ["localhost", "127.0.0.1", "[::1]", "10.0.0.7", "RUNNEL.example"]) {
    assertEquals((await ask(console, `http://${host}:9093/`)).status, 200);
  }
});

Deno.test("a page of another origin can neither ask nor change", async () => {
  const console = consoleAt(), url = "http://localhost:9093/api/v1/topics";
  const change = { [CHANGE_HEADER]: "1", "content-type": "application/json" };
  const cases: [name: string, init: RequestInit][] = [
    ["origin", { headers: { origin: "https://evil.example" } }],
    ["sandbox", { headers: { origin: "null" } }],
    ["image", { headers: { "sec-fetch-site": "cross-site" } }],
    ["form", { method: "POST", body: "{}", headers: { "content-type": "text/plain" } }],
    ["no header", { method: "POST", body: "{}", headers: { "content-type": "application/json" } }],
    ["change", { method: "POST", body: "{}", headers: { ...change, origin: "http://evil" } }],
  ];
  for (const [name, init] of cases) {
    const response = await ask(console, url, init);
    assertEquals([name, response.status, await wordOf(response)], [name, 403, "not_from_console"]);
    assertEquals(response.headers.get("access-control-allow-origin"), null);
  }
  const spellings = ["%61pi/v1/topics", "api/v%31/topics", "api%2Fv1/topics", "api/v1/t%6Fpics"];
  for (const base of ["", "/runnel"]) {
    const below = consoleAt(base);
    for (const spelling of spellings) {
      for (const [name, init] of cases.filter(([, { method }]) => method === "POST")) {
        const { status } = await ask(below, `http://localhost:9093${base}/${spelling}`, init);
        assert(status === 403 || status === 404, `${name} to ${base}/${spelling}: ${status}`);
      }
    }
  }
  const preflight = await ask(console, url, { method: "OPTIONS" });
  assertEquals(preflight.headers.get("access-control-allow-headers"), null);
  assert(preflight.status >= 400);
});

Deno.test("every answer keeps scripts, frames and guesses of its type out", async () => {
  const console = consoleAt();
  for (const path of ["/", "/nothing", "/api/v1/topics", "/api/v1/openapi.json"]) {
    const { headers, body } = await ask(console, `http://localhost${path}`);
    await body?.cancel();
    assertMatch(
      headers.get("content-security-policy")!,
      /default-src 'none'.*frame-ancestors 'none'/,
    );
    assert(!headers.get("content-security-policy")!.includes("unsafe"));
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertEquals(headers.get("cross-origin-resource-policy"), "same-origin");
  }
});

Deno.test("behind a base path it answers with it and without it, and its bare name leads to the slash", async () => {
  const console = consoleAt("/tools/runnel");
  assertEquals((await ask(console, "http://localhost/tools/runnel/")).status, 200);
  assertEquals((await ask(console, "http://localhost/")).status, 200);
  const bare = await ask(console, "http://localhost/tools/runnel?x=1");
  assertEquals([bare.status, bare.headers.get("location")], [308, "/tools/runnel/?x=1"]);
  const api = await ask(console, "http://localhost/tools/runnel/api/v1/openapi.json");
  assertEquals((await api.json()).servers, [{ url: "/tools/runnel/api/v1" }]);
  assertEquals((await ask(console, "http://localhost/tools/runnelx/")).status, 404);
  const through = await ask(console, "http://localhost/tools/runnel/api/v1/topics", {
    headers: { origin: "http://evil" },
  });
  assertEquals(through.status, 403);
  const change = { [CHANGE_HEADER]: "1", "content-type": "application/json" };
  const posted = await ask(console, "http://localhost/tools/runnel/api/v1/topics", {
    method: "POST",
    headers: change,
    body: '{"name":"t"}',
  });
  assertEquals(await wordOf(posted), "starting"); // its body came with it
});

Deno.test("a browser that goes where nothing is gets the page that says so, a program the words", async () => {
  const console = consoleAt(), headers = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
  for (const path of ["groups/billing", "nothing"]) {
    const shown = await ask(console, `http://localhost/${path}`, { headers });
    assertEquals([shown.status, await shown.text()], [404, await PAGE.clone().text()]);
  }
  assertEquals(await wordOf(await ask(console, "http://localhost/groups/billing")), "not_found");
  const script = await ask(console, "http://localhost/assets/old.js", {
    headers: { accept: "*/*" },
  });
  assertEquals(await wordOf(script), "not_found");
  const api = await ask(console, "http://localhost/api/v1/nothing", { headers });
  assertEquals(await wordOf(api), "not_found");
});

Deno.test("what is not there, not a method, not begun or not a parameter is said in words", async () => {
  const console = consoleAt(),
    at = (path: string) => ask(console, `http://localhost/api/v1/${path}`);
  assertEquals(await wordOf(await at("nothing")), "not_found");
  assertEquals(await wordOf(await at("group/nothing")), "not_found");
  assertEquals(await wordOf(await at("topics")), "starting");
  const wrong = await at("topics?limit=5000");
  assertEquals(wrong.status, 400);
  assertEquals((await wrong.json()).error, {
    code: "bad_request",
    message: "limit = 5000: needs a whole number, 0 to 1000",
    kafka: null,
    field: "limit",
  });
  assertMatch(
    (await (await at("topics?limt=5")).json()).error.message,
    /limt is no parameter here/,
  );
  assertMatch((await (await at("topics?q=a&q=b")).json()).error.message, /q is given twice/);
  const change = { [CHANGE_HEADER]: "1", "content-type": "application/json" };
  const method = await ask(console, "http://localhost/api/v1/session", {
    method: "POST",
    body: "{}",
    headers: change,
  });
  assertEquals(await wordOf(method), "method_not_allowed");
});

Deno.test("a broker shows itself over HTTP, and topics with sizes and configs", async () => {
  await using console = await ConsoleBroker.start();
  const admin = new Admin(console.cluster);
  await admin.createTopics([{ name: "a", partitions: 3, configs: { "retention.ms": "1000" } }, {
    name: "b",
  }]);
  const session = await console.get("session");
  assertEquals([session.principal, session.canWrite, session.hasAcls], [
    "User:ANONYMOUS",
    false,
    false,
  ]);
  const page = await console.get("topics?limit=1&order=desc&sort=partitions");
  assertEquals([page.total, page.items.length], [2, 1]);
  assertEquals(page.items[0], {
    name: "a",
    isInternal: false,
    partitions: 3,
    bytes: 0,
    records: 0,
    bytesIn: null,
    bytesOut: null,
    cleanupPolicy: "delete",
    retentionMs: 1000,
    retentionBytes: -1,
  });
  const topic = await console.get("topics/a");
  assertEquals(topic.partitionList.map((one: { end: number }) => one.end), [0, 0, 0]);
  assertMatch(topic.id, /^[A-Za-z0-9_-]{22}$/);
  const configs = await console.get("topics/a/configs");
  const retention = configs.find((one: { name: string }) => one.name === "retention.ms");
  assertEquals([retention.value, retention.source, retention.type], ["1000", "topic", "long"]);
  assertEquals((await console.get("topics/none")).error.code, "not_found");
  assertEquals((await console.get("topics/none/configs")).error.code, "not_found");
  assertEquals((await console.get("clients")).items[0].connections >= 1, true);
  assertEquals((await console.get("overview")).topics, 2);
  assertEquals((await console.get("history")).stepMs, 5000);
  const described = await console.get("openapi.json");
  assertEquals(described.paths["/topics/{topic}"].get.parameters[0].name, "topic");
});

Deno.test("a partition's log is shown by its segments, without gap", async () => {
  await using console = await ConsoleBroker.start();
  const configs = { "segment.bytes": "1048576" }; // the least there may be
  await new Admin(console.cluster).createTopics([{ name: "t", configs }]);
  await using producer = new Producer(console.cluster);
  for (let i = 0; i < 9; i++) {
    const value = new Uint8Array(400_000);
    await producer.send({ topic: "t", value, timestampMs: 1_700_000_000_000 + i });
  }
  const segments: SegmentRow[] = await console.get("topics/t/partitions/0/segments");
  assertEquals([segments.length, segments[0].start, segments.at(-1)!.end], [5, 0, 9]);
  for (const [i, { start, latestMs, bytes, isActive }] of segments.entries()) {
    const { end } = segments[i];
    if (i > 0) assertEquals(start, segments[i - 1].end);
    assertEquals([latestMs, isActive], [1_700_000_000_000 + end - 1, i === 4]);
    assert(bytes! > 400_000 * (end - start));
  }
  assertEquals((await console.get("topics/t/partitions/1/segments")).error.field, "partition");
  assertEquals((await console.get("topics/none/partitions/0/segments")).error.code, "not_found");
});

Deno.test("a stream begins with what was, and ends when nobody reads", async () => {
  await using console = await ConsoleBroker.start();
  const leaving = new AbortController();
  const response = await console.fetch("live", { signal: leaving.signal });
  assertEquals(response.headers.get("content-type"), "application/x-ndjson");
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  assertEquals(JSON.parse(value!.split("\n")[0]).type, "hello");
  const metric = async (name: string) => {
    const text = await (await fetch(`http://${console.broker.httpAddress}/metrics`)).text();
    return Number(new RegExp(`^runnel_console_${name} (\\d+)$`, "m").exec(text)![1]);
  };
  assertEquals([await metric("streams"), await metric("requests_total")], [1, 1]);
  leaving.abort();
  await reader.cancel().catch(() => {});
  while (await metric("streams") > 0) await new Promise((resolve) => setTimeout(resolve, 20));
});

Deno.test("a broker that stops says so to who looks, and has nothing half gone to answer with", async () => {
  const console = await ConsoleBroker.start();
  const live = await console.fetch("live"), text = live.text();
  await console[Symbol.asyncDispose]();
  const lines = (await text).trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.at(-1), { type: "end", reason: "the broker stops" });
});

Deno.test("switched off, there is neither a page nor an API, and health stays", async () => {
  await using console = await ConsoleBroker.start({ console: { enabled: false } });
  const response = await console.fetch("session");
  assertEquals(response.status, 404);
  await response.body?.cancel();
  const health = await fetch(`http://${console.broker.httpAddress}/healthz`);
  assertEquals(await health.text(), "ok\n");
});

Deno.test("the description has every route, its parameters and bodies, and nothing besides", async () => {
  const described = await (await ask(consoleAt(), "http://localhost/api/v1/openapi.json")).json();
  const found = Object.entries(described.paths as Record<string, Record<string, unknown>>)
    .flatMap(([path, methods]) =>
      Object.keys(methods).map((one) => `${one.toUpperCase()} ${path}`)
    );
  const known = routes.map(({ method, path }) => `${method} /${path.replace(/:(\w+)/g, "{$1}")}`);
  assertEquals(found.toSorted(), known.toSorted());
  const reset = described.paths["/group/offsets"].post;
  const schema = reset.requestBody.content["application/json"].schema;
  assertEquals([schema.required, schema.additionalProperties], [["topic", "to"], false]);
  assertEquals(schema.properties.to.oneOf.length, 4);
  assertEquals(JSON.stringify(described).includes('"doc"'), false);
});
