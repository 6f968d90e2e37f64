/** Proves what a browse finds, shows and costs, with records that are large, binary, broken or meant to harm. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Admin } from "../client/admin.ts";
import { Producer } from "../client/producer.ts";
import { TransactionalProducer } from "../client/transactional_producer.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";
import { type FollowLine, LIMITS, type RecordRow, type RecordsAnswer } from "./api.ts";
import { ApiFailure } from "./failure.ts";
import { jsonPathOf, patternOf } from "./json_path.ts";
import { shownBytes } from "./record_row.ts";

async function withRecords(
  count: number,
  test: (console: ConsoleBroker, producer: Producer) => Promise<void>,
  partitions = 3,
): Promise<void> {
  await using console = await ConsoleBroker.start();
  await new Admin(console.cluster).createTopics([{ name: "t", partitions }]);
  await using producer = new Producer(console.cluster, { compression: "gzip" });
  await Promise.all(Array.from({ length: count }, (_, i) =>
    producer.send({
      topic: "t",
      partition: i % partitions,
      key: `k${i}`,
      value: `{"n":${i},"id":9007199254740993,"tags":["a","${i % 10}"]}`,
      timestampMs: 1_700_000_000_000 + i,
    })));
  await test(console, producer);
}

const keys = ({ records }: RecordsAnswer) => records.map(({ key }) => key!.text);
const numbered = (from: number, to: number) => {
  const step = from <= to ? 1 : -1;
  return Array.from({ length: Math.abs(to - from) + 1 }, (_, i) => `k${from + step * i}`);
};

async function all(console: ConsoleBroker, query: string): Promise<string[]> {
  const found: string[] = [];
  let at = "";
  for (let rounds = 0; rounds < 100; rounds++) {
    const answer: RecordsAnswer = await console.get(`topics/t/records?${query}${at}`);
    found.push(...keys(answer));
    if (answer.next === null) return found;
    at = `&at=${encodeURIComponent(answer.next)}`;
  }
  throw new Error("it goes on for ever");
}

Deno.test("records are browsed from the end, from the start, by offset and by time, page by page without gap or double", () =>
  withRecords(300, async (console) => {
    assertEquals(keys(await console.get("topics/t/records?limit=6")), numbered(299, 294));
    assertEquals(keys(await console.get("topics/t/records?limit=6&at=start")), numbered(0, 5));
    const middle = await console.get("topics/t/records?limit=2&at=offset:50&partitions=1");
    assertEquals(keys(middle), ["k151", "k154"]);
    const late = await console.get("topics/t/records?at=time:1700000000298");
    assertEquals(keys(late), ["k298", "k299"]);
    for (const limit of [7, 100, 500]) {
      const backwards = await all(console, `limit=${limit}`);
      assertEquals(backwards.toSorted(), numbered(0, 299).toSorted());
    }
    let at = "start", onwards: string[] = [];
    for (let next: string | null = at; next !== null; at = next ?? "") {
      const path = `topics/t/records?limit=41&at=${encodeURIComponent(next)}`;
      const answer: RecordsAnswer = await console.get(path);
      onwards = [...onwards, ...keys(answer)];
      next = answer.next;
    }
    assertEquals(onwards.toSorted(), numbered(0, 299).toSorted());
  }));

Deno.test("what is looked for is found by key, header, text, pattern and JSON path", () =>
  withRecords(100, async (console, producer) => {
    await producer.send({
      topic: "t",
      partition: 0,
      key: "odd",
      value: "<img onerror=alert(1)>",
      headers: [{ key: "h", value: "\u202eevil" }],
    });
    const found = async (query: string) => keys(await console.get(`topics/t/records?${query}`));
    assertEquals(await found("key=k42"), ["k42"]);
    assertEquals(await found("text=" + encodeURIComponent("<img onerror")), ["odd"]);
    assertEquals(await found("header=h"), ["odd"]);
    assertEquals(await found("header=" + encodeURIComponent("h=\u202e")), ["odd"]);
    assertEquals(await found("header=h%3Dother"), []);
    assertEquals(await found("regex=" + encodeURIComponent('"n":(7|8),')), ["k8", "k7"]);
    const path = encodeURIComponent("$.tags[?@ == '3']");
    assertEquals(await found(`jsonpath=${path}&key=k1`), ["k13"]);
    assertEquals(await found("text=9007199254740993&key=k99"), ["k99"]);
    const large = `{"tags":["3"],"pad":"${"x".repeat(65_536)}"}`;
    await producer.send({ topic: "t", partition: 2, key: "large", value: large });
    const { problems, records } = await console.get(`topics/t/records?jsonpath=${path}&key=large`);
    assertEquals([records, problems[0].partition, problems[0].offset], [[], 2, 33]);
    const [row] = (await console.get("topics/t/records?key=k99")).records as RecordRow[];
    assertMatch(row.value!.text, /"id":9007199254740993/);
    assertEquals((await console.get("topics/t/records?jsonpath=nonsense")).error.field, "jsonpath");
    assertEquals((await console.get("topics/t/records?regex=(")).error.field, "regex");
    assertEquals((await console.get("topics/t/records?partitions=7")).error.field, "partitions");
    assertEquals((await console.get("topics/t/records?at=never")).error.field, "at");
    assertEquals((await console.get("topics/none/records")).error.code, "not_found");
  }));

Deno.test("large and binary values are shown in part, and given whole to save alone", () =>
  withRecords(0, async (console, producer) => {
    const value = new Uint8Array(900_000).map((_, i) => i * 7 & 0xff);
    await producer.send({ topic: "t", partition: 0, key: null, value });
    const [row] = (await console.get("topics/t/records")).records as RecordRow[];
    assertEquals([row.key, row.value!.encoding, row.value!.bytes, row.value!.isCut], [
      null,
      "base64",
      value.length,
      true,
    ]);
    const path = "topics/t/partitions/0/records/0";
    const whole: RecordRow = await console.get(path);
    assertEquals(whole.value!.text, value.toBase64());
    const saved = await console.fetch(`${path}/value`);
    assertEquals((await saved.bytes()).toBase64(), value.toBase64());
    assertMatch(saved.headers.get("content-disposition")!, /^attachment; filename="t-0-0.value"$/);
    assertEquals(saved.headers.get("content-type"), "application/octet-stream");
    assertEquals((await console.get(`${path}/key`)).error.code, "not_found");
    assertEquals((await console.get("topics/t/partitions/0/records/9")).error.code, "not_found");
    assertEquals((await console.get("topics/t/partitions/x/records/9")).error.field, "partition");
  }));

Deno.test("a batch that would be too large once decompressed is told of and passed over", () =>
  withRecords(0, async (console, producer) => {
    await producer.send({ topic: "t", partition: 0, key: "a", value: "x" });
    await using bomber = new Producer(console.cluster, {
      compression: "gzip",
      maxBatchBytes: 40_000_000,
    });
    await bomber.send({
      topic: "t",
      partition: 0,
      value: new Uint8Array(LIMITS.maxBatchBytes + 1000),
    });
    await producer.send({ topic: "t", partition: 0, key: "b", value: "x" });
    for (const at of ["start", "end"]) {
      const answer: RecordsAnswer = await console.get(`topics/t/records?at=${at}`);
      assertEquals(keys(answer).toSorted(), ["a", "b"]);
      assertEquals([answer.problems.length, answer.problems[0].offset], [1, 1]);
    }
    const refused = await console.get("topics/t/partitions/0/records/1");
    assertEquals(refused.error.code, "too_large");
  }));

Deno.test("what fits is saved as JSON that is produced again, and as CSV without formulas", () =>
  withRecords(500, async (console, producer) => {
    for (const value of ["=1+1", '+"a",b', "@x\n", "\ttab", "-1", "plain"]) {
      await producer.send({ topic: "t", partition: 0, key: "f", value });
    }
    await producer.send({ topic: "t", partition: 0, key: "bin", value: new Uint8Array([255, 1]) });
    const json = await console.fetch("topics/t/records/download");
    assertMatch(json.headers.get("content-disposition")!, /^attachment; filename="t.jsonl"$/);
    const lines = (await json.text()).trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(lines.length, 507);
    assertEquals(lines.find(({ key }) => key === "bin").value, { base64: "/wE=" });
    const csv = await (await console.fetch("topics/t/records/download?format=csv&key=f")).text();
    const cells = csv.split("\r\n").slice(1, -1).map((line) => line.split(",").slice(4).join(","));
    assertEquals(cells, [
      `"'=1+1",`,
      `"'+""a"",b",`,
      `"'@x\n",`,
      `"'\ttab",`,
      `"'-1",`,
      "plain,",
    ]);
    const few = await (await console.fetch("topics/t/records/download?limit=3&at=end")).text();
    assertEquals(few.trim().split("\n").length, 3);
    assertEquals((await console.get("topics/t/records/download?format=xml")).error.field, "format");
  }));

Deno.test("looking takes no memory from the pool that clients' requests need", () =>
  withRecords(300, async (console) => {
    const lent = async () => {
      const metrics = await fetch(`http://${console.broker.httpAddress}/metrics`);
      return Number(/^runnel_buffers_lent_bytes (\d+)$/m.exec(await metrics.text())![1]);
    };
    await console.get("topics/t/records");
    const before = await lent();
    for (let i = 0; i < 30; i++) await console.get("topics/t/records?at=start&limit=500");
    assertEquals(await lent(), before);
  }));

Deno.test("records are followed as they come, and scans end in time", () =>
  withRecords(10, async (console, producer) => {
    const leaving = new AbortController();
    const response = await console.fetch("topics/t/records/follow?key=late", {
      signal: leaving.signal,
    });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    await producer.send({ topic: "t", partition: 1, key: "other", value: "x" });
    await producer.send({ topic: "t", partition: 1, key: "late", value: "x" });
    let text = "";
    while (!text.includes("late")) text += (await reader.read()).value;
    const lines = text.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(lines.filter(({ type }) => type === "record").length, 1);
    leaving.abort();
    await reader.closed.catch(() => {});
  }));

Deno.test("who follows is told at once where it is, and misses nothing when it comes again", () =>
  withRecords(9, async (console, producer) => {
    const followed = async (at: string, isEnough: (line: FollowLine) => boolean) => {
      const leaving = new AbortController(), { signal } = leaving;
      const response = await console.fetch(`topics/t/records/follow?at=${at}`, { signal });
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      const lines = () => text.split("\n").slice(0, -1).map((one): FollowLine => JSON.parse(one));
      let text = "";
      while (!lines().some(isEnough)) text += (await reader.read()).value;
      leaving.abort();
      await reader.closed.catch(() => {});
      return lines();
    };
    const [first] = await followed("end", () => true);
    if (first.type !== "scanned") throw new Error(`${first.type} came first`);
    await producer.send({ topic: "t", partition: 1, key: "while it was away", value: "x" });
    const lines = await followed(encodeURIComponent(first.next), ({ type }) => type === "record");
    const records = lines.flatMap((line) => line.type === "record" ? [line.record] : []);
    assertEquals(records.map(({ key }) => key!.text), ["while it was away"]);
  }));

Deno.test("paths and patterns that could cost more than their value's size are refused", () => {
  const refused = [
    "$..*..*",
    "$[*,*][*,*].x",
    "$..[?count($..*) > 0]",
    "$[?@..a]",
    "$[?@[?@[?@[?@]]]]",
    "$[?@.id == 9007199254740993]",
    "$[",
  ];
  for (const path of refused) assertThrows(() => jsonPathOf(path), ApiFailure, "jsonpath");
  assertThrows(() => patternOf("(a{500}){500}", "regex"), ApiFailure);
  assertThrows(() => patternOf("a{600}", "regex"), ApiFailure, "repetitions");
  const evil = jsonPathOf('$[?search(@, "(a+)+$")]');
  const beganMs = performance.now();
  assertEquals(evil(JSON.stringify(["a".repeat(50_000) + "b"])), false);
  assert(performance.now() - beganMs < 5000);
  assert(jsonPathOf("$.a['x,y'][?@.b == \"..$\"]")('{"a":{"x,y":[{"b":"..$"}]}}'));
  assertEquals(jsonPathOf("$.a")("not json"), false);
});

Deno.test("a text is cut between characters, and what is no text is base64", () => {
  const bytes = new TextEncoder().encode("aé€😀");
  for (let max = 1; max < bytes.length; max++) {
    const shown = shownBytes(bytes, max)!;
    assertEquals([shown.encoding, shown.isCut], ["utf8", true]);
    assert("aé€😀".startsWith(shown.text));
  }
  assertEquals(shownBytes(bytes, 100)!.text, "aé€😀");
  assertEquals(shownBytes(new Uint8Array([0xff, 1]), 100), {
    encoding: "base64",
    text: "/wE=",
    bytes: 2,
    isCut: false,
  });
});

Deno.test("what was aborted or is open is left out unless it is asked for, and its id is shown as it is", async () => {
  await using console = await ConsoleBroker.start();
  assertEquals((await console.get("transaction?id=x")).error.code, "not_found");
  assertEquals((await console.get("transactions")).total, 0);
  await new Admin(console.cluster).createTopics([{ name: "t" }]);
  const id = "../<img onerror=alert(1)>";
  await using producer = new TransactionalProducer(console.cluster, { transactionalId: id });
  await producer.init();
  for (const [value, isKept] of [["kept", true], ["aborted", false], ["last", true]] as const) {
    producer.begin();
    await producer.send({ topic: "t", key: value, value });
    if (isKept) await producer.commit();
    else await producer.abort();
  }
  producer.begin();
  await producer.send({ topic: "t", key: "open", value: "open" });
  const committed: RecordsAnswer = await console.get("topics/t/records?at=start");
  assertEquals(keys(committed), ["kept", "last"]);
  assert(committed.records.every(({ isTransactional }) => isTransactional));
  const all = await console.get("topics/t/records?at=start&isolation=uncommitted");
  assertEquals(keys(all).toSorted(), ["aborted", "kept", "last", "open"]);
  const [row] = (await console.get("transactions")).items;
  assertEquals([row.transactionalId, row.state], [id, "Ongoing"]);
  const shown = await console.get(`transaction?id=${encodeURIComponent(id)}`);
  assertEquals(shown.partitions, [{ topic: "t", partition: 0 }]);
  assert(shown.startedMs > 0);
  const [one] = await console.get("topics/t/partitions/0/producers");
  assertEquals([one.producerId, one.openSince], [shown.producerId, 6]);
  assertEquals((await console.get("topics/t/partitions/x/producers")).error.code, "not_found");
  await producer.abort();
});
