/**
 * Proves that nothing harms the console: names and bytes that were chosen to, pages of other origins over a real connection,
 * readers and writers that are slow, streams left open by the hundred, patterns that explode, offsets that are not there,
 * topics that go and a broker that stops while somebody looks.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Admin } from "../client/admin.ts";
import { Cluster } from "../client/cluster.ts";
import { Consumer } from "../client/consumer.ts";
import { Producer } from "../client/producer.ts";
import { TransactionalProducer } from "../client/transactional_producer.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";
import { HOSTILE } from "../testing/hostile_console.ts";
import { API_PATH, CHANGE_HEADER, type FollowLine, LIMITS } from "./api.ts";

const WRITE = { console: { write: true }, groups: { initialRebalanceDelayMs: 0 } };

/** What comes back for bytes as they are sent. */
async function raw({ broker }: ConsoleBroker, text: string): Promise<string> {
  const [hostname, port] = broker.httpAddress!.split(":");
  using conn = await Deno.connect({ hostname, port: Number(port) });
  await conn.write(new TextEncoder().encode(text));
  return await new Response(conn.readable).text();
}

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);

async function linesOf(response: Response): Promise<FollowLine[]> {
  return (await response.text()).trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("hostile names and bytes come back as they are, as JSON that no browser takes for a page", async () => {
  await using console = await ConsoleBroker.start(WRITE);
  await new Admin(console.cluster).createTopics([{ name: "t" }]);
  const clientId = HOSTILE, { kafkaAddress: bootstrap } = console.broker;
  const cluster = new Cluster({ bootstrap, clientId });
  await using producer = new TransactionalProducer(cluster, { transactionalId: HOSTILE });
  await producer.init();
  producer.begin();
  const headers = [{ key: HOSTILE, value: HOSTILE }];
  await producer.send({ topic: "t", key: HOSTILE, value: HOSTILE, headers });
  await producer.commit();
  const consumer = new Consumer(cluster, { groupId: HOSTILE, autoOffsetReset: "earliest" });
  consumer.subscribe(["t"]);
  while ((await consumer.poll(500)).length === 0);
  await consumer.commit();
  const id = `id=${encodeURIComponent(HOSTILE)}`;
  const group = await console.get(`group?${id}`);
  assertEquals([group.id, group.memberList[0].clientId], [HOSTILE, HOSTILE]);
  assertEquals((await console.get("groups")).items[0].id, HOSTILE);
  assertEquals((await console.get("transactions")).items[0].transactionalId, HOSTILE);
  assertEquals((await console.get(`transaction?${id}`)).transactionalId, HOSTILE);
  const { items } = await console.get("clients");
  assert(items.some((one: { clientId: string }) => one.clientId === HOSTILE));
  const [row] = (await console.get("topics/t/records")).records;
  assertEquals([row.key.text, row.value.text, row.headers[0].key, row.headers[0].value.text], [
    HOSTILE,
    HOSTILE,
    HOSTILE,
    HOSTILE,
  ]);
  for (const path of ["groups", "clients", "transactions", `group?${id}`, "topics/t/records"]) {
    const response = await console.fetch(path);
    assertEquals(response.headers.get("content-type"), "application/json");
    assertEquals(response.headers.get("x-content-type-options"), "nosniff");
    await response.body?.cancel();
  }
  const one = "topics/t/partitions/0/records/0";
  for (const path of [`${one}/key`, `${one}/value`, "topics/t/records/download"]) {
    const response = await console.fetch(path);
    assertMatch(response.headers.get("content-disposition")!, /^attachment; /, path);
    assertMatch(response.headers.get("content-type")!, /^application\/(octet-stream|x-ndjson)$/);
    assertEquals(response.headers.get("x-content-type-options"), "nosniff");
    await response.body?.cancel();
  }
  await consumer.close();
  cluster.close();
});

Deno.test("over a real connection a page of another origin reads nothing and changes nothing", async () => {
  await using console = await ConsoleBroker.start(WRITE);
  const body = '{"name":"owned"}', port = console.broker.httpAddress!.split(":")[1];
  const request = (first: string, host: string, lines: readonly string[]) =>
    raw(
      console,
      [`${first} HTTP/1.1`, `Host: ${host}`, ...lines, `Content-Length: ${body.length}`, "", body]
        .join("\r\n"),
    );
  const post = `POST ${API_PATH}/topics`, get = `GET ${API_PATH}/topics`;
  const own = `localhost:${port}`,
    change = `${CHANGE_HEADER}: 1`,
    json = "Content-Type: application/json";
  const cases: [name: string, first: string, host: string, lines: string[], status: number][] = [
    ["a form", post, own, ["Content-Type: text/plain"], 403],
    ["a form of JSON", post, own, [json], 403],
    ["a form that says where it is from", post, own, ["Origin: http://evil", json, change], 403],
    ["a sandbox", post, own, ["Origin: null", json, change], 403],
    ["another site's script", post, own, ["Sec-Fetch-Site: cross-site", json, change], 403],
    ["another port's script", post, own, ["Sec-Fetch-Site: same-site", json, change], 403],
    ["text with the header", post, own, ["Content-Type: text/plain", change], 400],
    ["a beacon", post, own, ["Content-Type: application/x-www-form-urlencoded", change], 400],
    ["a rebound name", post, `evil.example:${port}`, [json, change], 421],
    ["a rebound name that reads", get, `evil.example:${port}`, [], 421],
    ["a name that looks like an address", get, `127.0.0.1.evil.example:${port}`, [], 421],
    ["an image", get, own, ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"], 403],
    ["a fetch", get, own, ["Origin: https://evil.example"], 403],
    ["a preflight", `OPTIONS ${API_PATH}/topics`, own, ["Origin: http://evil"], 405],
    ["a method of its own", `PUT ${API_PATH}/topics`, own, [json, change], 405],
    ["a JSONP", `${get}?callback=evil`, own, [], 400],
    ["a form by another spelling", "POST /%61pi/v1/topics", own, ["Content-Type: text/plain"], 403],
    ["a form by another spelling yet", "POST /api/v%31/topics", own, ["Origin: http://evil"], 403],
    [
      "an image by another spelling",
      "GET /ap%69/v1/topics",
      own,
      ["Sec-Fetch-Site: cross-site"],
      403,
    ],
  ];
  for (const [name, first, host, lines, status] of cases) {
    const answer = await request(first, host, lines);
    assertEquals([name, statusOf(answer)], [name, status]);
    assert(!/access-control-allow/i.test(answer), name);
    assert(!answer.includes('"items"'), name);
  }
  assertEquals((await console.get("topics")).total, 0);
  assertEquals(statusOf(await request(post, own, [json, change])), 200); // what the page itself sends
});

Deno.test("streams left open by the hundred are refused past so many, and those who read go on", async () => {
  await using console = await ConsoleBroker.start();
  const opened = await Promise.all(Array.from({ length: 200 }, () => console.fetch("live")));
  const open = opened.filter(({ ok }) => ok), refused = opened.filter(({ ok }) => !ok);
  assertEquals(open.length, LIMITS.maxStreams);
  for (const response of refused) {
    assertEquals([response.status, (await response.json()).error.code], [429, "too_many_streams"]);
  }
  assertEquals((await console.get("overview")).notReady, null);
  for (const response of open) await response.body!.cancel();
  for (let tries = 0;; tries++) {
    const again = await console.fetch("live");
    await again.body!.cancel();
    if (again.ok) break;
    assert(tries < 100, "no stream has made room");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

Deno.test("downloads that nobody takes keep nobody from looking", async () => {
  await using console = await ConsoleBroker.start();
  await new Admin(console.cluster).createTopics([{ name: "t" }]);
  await using producer = new Producer(console.cluster);
  await Promise.all(
    Array.from({ length: 40 }, () => producer.send({ topic: "t", value: new Uint8Array(100_000) })),
  );
  const left = await Promise.all(
    Array.from({ length: 8 }, () => console.fetch("topics/t/records/download")),
  );
  const beganMs = performance.now();
  assertEquals((await console.get("topics/t/records")).records.length, 40);
  const whole = await console.get("topics/t/partitions/0/records/0");
  assertEquals(whole.value.bytes, 100_000);
  assert(performance.now() - beganMs < 5000, "looking waits for downloads");
  const ninth = console.fetch("topics/t/records/download"); // which waits for one of those
  await left.pop()!.body!.cancel();
  assertEquals((await (await ninth).text()).trim().split("\n").length, 40);
  for (const response of left) await response.body!.cancel();
});

Deno.test("offsets and places that are not there are said to be so, and break nothing", async () => {
  await using console = await ConsoleBroker.start();
  await new Admin(console.cluster).createTopics([{ name: "t", partitions: 2 }]);
  await using producer = new Producer(console.cluster);
  for (let i = 0; i < 5; i++) await producer.send({ topic: "t", partition: 0, value: `${i}` });
  await new Admin(console.cluster).deleteRecords({ topic: "t", partition: 0, offset: 2 });
  const offsets = async (at: string) =>
    (await console.get(`topics/t/records?partitions=0&at=${at}`)).records
      .map(({ offset }: { offset: number }) => offset);
  assertEquals(await offsets("offset:0"), [2, 3, 4]);
  assertEquals(await offsets("offset:9007199254740991"), []);
  assertEquals(await offsets("backwards:0@9007199254740991"), [4, 3, 2]);
  assertEquals(await offsets("onwards:0@0"), [2, 3, 4]);
  assertEquals(await offsets("time:9007199254740991"), []);
  assertEquals(await offsets("onwards:9999999999@1"), []);
  assertEquals(await offsets("backwards:9999999999@9999999999999999"), []);
  assertEquals(await offsets("offset:9999999999999999"), []);
  assertEquals(await offsets("time:9999999999999999"), []);
  const wrong = [
    "offset:-1",
    "onwards:9999999999@1,",
    "offset:99999999999999999",
    "onwards:0@",
    "onwards:9@1,",
    "time:x",
    "",
  ];
  for (const at of wrong) {
    const { error } = await console.get(`topics/t/records?at=${encodeURIComponent(at)}`);
    assertEquals([at, error?.field], [at, "at"]);
  }
  const codes: [path: string, code: string][] = [
    ["topics/t/partitions/0/records/0", "not_found"],
    ["topics/t/partitions/0/records/99999", "not_found"],
    ["topics/t/partitions/0/records/999999999999999", "not_found"],
    ["topics/t/partitions/7/records/0", "not_found"],
    ["topics/t/partitions/999999999999/records/0", "bad_request"],
    ["topics/t/partitions/999999999999/segments", "not_found"],
    ["topics/t/partitions/999999999999/producers", "not_found"],
    ["topics/none/records/follow", "not_found"],
    ["topics/none/records/download", "not_found"],
    ["topics/t/records?partitions=0,0,0,0,99", "bad_request"],
    ["topics/%2e%2e/records", "not_found"],
    ["topics/a%00b", "bad_request"],
    ["topics/%E0%A4%A", "bad_request"],
  ];
  for (const [path, code] of codes) {
    const { error } = await console.get(path);
    assertEquals([path, error?.code], [path, code]);
  }
});

Deno.test("patterns and paths that explode elsewhere end here, and others are answered meanwhile", async () => {
  await using console = await ConsoleBroker.start();
  await new Admin(console.cluster).createTopics([{ name: "t" }]);
  await using producer = new Producer(console.cluster);
  const deep = `${"[".repeat(30_000)}${"]".repeat(30_000)}`;
  const values = ["a".repeat(60_000), deep, `{"a":"${"a".repeat(60_000)}"}`];
  for (const value of values) await producer.send({ topic: "t", value });
  const patterns = [
    "(a+)+$b",
    "(a|a)*$b",
    "(.*)*x",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(?:a?){200}a{200}b",
  ];
  const paths = ["$..a", "$[?search(@.a, '(a+)+$')]", "$[?match(@, '(a|a)*b')]", "$..[?@.a == 1]"];
  const queries = [
    ...patterns.map((one) => `regex=${encodeURIComponent(one)}`),
    ...paths.map((one) => `jsonpath=${encodeURIComponent(one)}`),
  ];
  for (const query of queries) {
    const beganMs = performance.now(), looking = console.get(`topics/t/records?at=start&${query}`);
    const health = await fetch(`http://${console.broker.httpAddress}/healthz`);
    assertEquals(await health.text(), "ok\n");
    const { error } = await looking;
    assert(error === undefined || error.code === "bad_request", JSON.stringify(error));
    const tookMs = performance.now() - beganMs;
    assert(tookMs < LIMITS.maxScanMs + 3000, `${query}: ${tookMs} ms`);
  }
});

Deno.test("a topic that is deleted while it is followed and browsed ends that in words", async () => {
  await using console = await ConsoleBroker.start(WRITE);
  const admin = new Admin(console.cluster);
  await admin.createTopics([{ name: "t" }]);
  await using producer = new Producer(console.cluster);
  for (let i = 0; i < 200; i++) producer.send({ topic: "t", value: "x".repeat(1000) });
  await producer.flush();
  const following = console.fetch("topics/t/records/follow?at=start");
  const download = await console.fetch("topics/t/records/download");
  const stream = await following;
  assertEquals(await console.post("topics/t/delete", { confirm: "t" }), { isDone: true });
  const lines = await linesOf(stream);
  assertEquals(lines.at(-1)!.type, "end");
  assertEquals((await console.get("topics/t/records")).error.code, "not_found");
  await download.text().catch(() => {}); // it was begun: whole, or cut, and never for ever
});

Deno.test("a broker that stops while it is followed ends that in words, and is not kept", async () => {
  const console = await ConsoleBroker.start();
  await new Admin(console.cluster).createTopics([{ name: "t" }]);
  const stream = await console.fetch("topics/t/records/follow");
  const beganMs = performance.now();
  await console[Symbol.asyncDispose]();
  assert(performance.now() - beganMs < 5000);
  const last = (await linesOf(stream)).at(-1)!;
  assertEquals(last, { type: "end", reason: "the broker stops" });
});

Deno.test("who asks what an answer would be, without its body, holds nothing", async () => {
  await using console = await ConsoleBroker.start();
  await new Admin(console.cluster).createTopics([{ name: "t" }]);
  await using producer = new Producer(console.cluster);
  await producer.send({ topic: "t", partition: 0, value: "x" });
  const paths = ["download", "follow"].map((what) => `topics/t/records/${what}`);
  for (const path of [...paths, "live", "topics/t/partitions/0/records/0/value"]) {
    for (let i = 0; i < LIMITS.maxStreams + 10; i++) {
      const signal = AbortSignal.timeout(5000);
      const response = await console.fetch(path, { method: "HEAD", signal });
      assertEquals([path, response.status], [path, 200]);
    }
    const signal = AbortSignal.timeout(5000);
    const response = await console.fetch(path, { signal });
    assertEquals([path, response.status], [path, 200]);
    await response.body!.cancel();
  }
});

Deno.test("a body that comes too slowly, or is too large, is not waited for", async () => {
  await using console = await ConsoleBroker.start(WRITE);
  const header = (length: number) =>
    [
      `POST ${API_PATH}/topics HTTP/1.1`,
      "Host: localhost",
      `${CHANGE_HEADER}: 1`,
      "Content-Type: application/json",
      `Content-Length: ${length}`,
      "",
      "",
    ].join("\r\n");
  assertEquals(statusOf(await raw(console, header(LIMITS.maxBodyBytes + 1))), 413);
  assertEquals(statusOf(await raw(console, header(10) + "not JSON!!")), 400);
  assertEquals(statusOf(await raw(console, header(2) + '{}{"name":"smuggled"}')), 400);
  assertEquals((await console.get("topics")).total, 0);
});
