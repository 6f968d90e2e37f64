/** Proves what the console changes and when it does not: switched off, not confirmed, not allowed; and as whom it does. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Admin } from "../client/admin.ts";
import { Cluster } from "../client/cluster.ts";
import { Consumer } from "../client/consumer.ts";
import { Producer } from "../client/producer.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";
import type { GroupDetail, RecordRow, ResetAnswer } from "./api.ts";
import { routes } from "./routes.ts";

const WRITE = { console: { write: true }, groups: { initialRebalanceDelayMs: 0 } };

Deno.test("without console.write no route changes anything, and previews are shown", async () => {
  await using console = await ConsoleBroker.start();
  await new Admin(console.cluster).createTopics([{ name: "t" }]);
  const bodies: Record<string, unknown> = {
    "topics": { name: "u" },
    "topics/:topic/partitions": { count: 2 },
    "topics/:topic/configs": { configs: {} },
    "topics/:topic/delete": { confirm: "t" },
    "topics/:topic/records": { key: null, value: null },
    "group/delete": { confirm: "g" },
    "group/offsets": { topic: "t", to: { kind: "end" }, preview: false },
  };
  for (const { method, path } of routes) {
    if (method !== "POST") continue;
    const id = path.startsWith("group") ? "?id=g" : "";
    const answer = await console.post(path.replace(":topic", "t") + id, bodies[path]);
    assertEquals([path, answer.error?.code], [path, "read_only"]);
  }
  const preview = await console.post("group/offsets?id=g", { topic: "t", to: { kind: "end" } });
  assertEquals(preview, {
    isDone: false,
    offsets: [{ topic: "t", partition: 0, before: null, after: 0, moves: null }],
  });
  assertEquals((await console.get("topics")).total, 1);
});

Deno.test("a topic is created, checked, grown, configured, written to and deleted", async () => {
  await using console = await ConsoleBroker.start(WRITE);
  const checked = await console.post("topics", { name: "t", validateOnly: true });
  assertEquals(checked, { isDone: false });
  assertEquals((await console.get("topics")).total, 0);
  const body = { name: "t", partitions: 2, configs: { "cleanup.policy": "compact" } };
  assertEquals(await console.post("topics", body), { isDone: true });
  assertEquals((await console.post("topics", body)).error, {
    code: "conflict",
    message: (await console.post("topics", body)).error.message,
    kafka: "TOPIC_ALREADY_EXISTS",
    field: null,
  });
  assertEquals(
    (await console.post("topics", { name: "a b" })).error.kafka,
    "INVALID_TOPIC_EXCEPTION",
  );
  assertEquals((await console.post("topics", { nam: "a" })).error.field, "body");
  assertEquals(await console.post("topics/t/partitions", { count: 3 }), { isDone: true });
  assertEquals(
    (await console.post("topics/t/partitions", { count: 1 })).error.kafka,
    "INVALID_PARTITIONS",
  );
  const configs = { "retention.ms": "5000", "cleanup.policy": null };
  assertEquals(await console.post("topics/t/configs", { configs }), { isDone: true });
  const wrong = await console.post("topics/t/configs", { configs: { "retention.ms": "soon" } });
  assertEquals(wrong.error.kafka, "INVALID_CONFIG");
  const [topic] = (await console.get("topics")).items;
  assertEquals([topic.partitions, topic.retentionMs, topic.cleanupPolicy], [3, 5000, "delete"]);

  const value = { encoding: "base64", text: "/wE=" };
  const record = {
    key: { encoding: "utf8", text: "javascript:alert(1)" },
    value,
    headers: [{ key: "<img onerror>", value: null }],
  };
  const published = await console.post("topics/t/records", record);
  assertEquals(published.offset, 0);
  const [row] = (await console.get("topics/t/records")).records as RecordRow[];
  assertEquals([row.partition, row.key!.text, row.value!.text, row.headers], [
    published.partition,
    "javascript:alert(1)",
    "/wE=",
    [{ key: "<img onerror>", value: null }],
  ]);
  const broken = { ...record, value: { encoding: "base64", text: "not base64!" } };
  assertEquals((await console.post("topics/t/records", broken)).error.field, "value");

  assertEquals((await console.post("topics/t/delete", { confirm: "T" })).error.field, "confirm");
  assertEquals(await console.post("topics/t/delete", { confirm: "t" }), { isDone: true });
  assertEquals((await console.get("topics")).total, 0);
  assertEquals((await console.post("topics/t/delete", { confirm: "t" })).error.code, "not_found");
});

for (const id of ["g", "..", "a/b?c=1&d#e", "<img onerror=alert(1)>", "\u202egroup"]) {
  Deno.test(`offsets of group ${JSON.stringify(id)} are shown, previewed, reset, and the group is deleted`, async () => {
    await using console = await ConsoleBroker.start(WRITE);
    await new Admin(console.cluster).createTopics([{ name: "t", partitions: 2 }]);
    await using producer = new Producer(console.cluster);
    for (let i = 0; i < 10; i++) {
      await producer.send({ topic: "t", partition: 0, value: `${i}`, timestampMs: 1000 + i });
    }
    const at = `id=${encodeURIComponent(id)}`;
    assertEquals((await console.get(`group?${at}`)).error.code, "not_found");
    const cluster = new Cluster({
      bootstrap: console.broker.kafkaAddress,
      clientId: "javascript:alert(1)",
    });
    const consumer = new Consumer(cluster, { groupId: id, autoOffsetReset: "earliest" });
    consumer.subscribe(["t"]);
    for (let read = 0; read < 10;) read += (await consumer.poll(500)).length;
    await consumer.commit();
    const live: GroupDetail = await console.get(`group?${at}`);
    assertEquals([live.members, live.lag, live.stuck, live.memberList.length], [1, 0, [], 1]);
    const reset = { topic: "t", partitions: [0], to: { kind: "time", timeMs: 1004 } };
    const refused = await console.post(`group/offsets?${at}`, { ...reset, preview: false });
    assertEquals(refused.error.code, "conflict");
    await consumer.close();
    cluster.close();

    const preview: ResetAnswer = await console.post(`group/offsets?${at}`, reset);
    const expected = [{ topic: "t", partition: 0, before: 10, after: 4, moves: -6 }];
    assertEquals(preview, { isDone: false, offsets: expected });
    assertEquals((await console.get(`group?${at}`)).offsets[0].committed, 10);
    const done = await console.post(`group/offsets?${at}`, { ...reset, preview: false });
    assertEquals(done, { isDone: true, offsets: expected });
    const shifted = { topic: "t", partitions: [0], to: { kind: "shift", by: -100 } };
    assertEquals((await console.post(`group/offsets?${at}`, shifted)).offsets[0].after, 0);
    const idle: GroupDetail = await console.get(`group?${at}`);
    assertEquals([idle.members, idle.lag, idle.offsets[0].committed], [0, 6, 4]);
    assertMatch(idle.stuck[0], /nobody is a member, and 6 records wait/);
    assertEquals((await console.get("groups")).items[0].id, id);
    assertEquals(
      (await console.post(`group/delete?${at}`, { confirm: "" })).error.field,
      "confirm",
    );
    assertEquals(await console.post(`group/delete?${at}`, { confirm: id }), { isDone: true });
    assertEquals((await console.get("groups")).total, 0);
  });
}

Deno.test("the console acts as its user: what ACLs do not allow is not shown, not done, and audited", async () => {
  const file = await Deno.makeTempFile();
  await using console = await ConsoleBroker.start({
    ...WRITE,
    http: { authentication: "basic", username: "viewer", password: "secret" },
    authorization: { mode: "on", superUsers: ["User:ANONYMOUS"] },
    audit: { file },
  });
  const closed = await console.fetch("session");
  assertEquals(closed.status, 401);
  await closed.body?.cancel();
  console.headers = { authorization: `Basic ${btoa("viewer:secret")}` };
  const admin = new Admin(console.cluster);
  await admin.createTopics([{ name: "mine" }, { name: "theirs" }]);
  const principal = "User:viewer";
  await admin.createAcls([
    { resource: "topic", name: "mine", principal, operation: "read" },
    { resource: "topic", name: "mine", principal, operation: "describeConfigs" },
  ]);
  const session = await console.get("session");
  assertEquals([session.principal, session.hasAcls, session.canWrite], [principal, true, true]);
  const topics = await console.get("topics");
  assertEquals(topics.items.map(({ name }: { name: string }) => name), ["mine"]);
  assertEquals((await console.get("topics/theirs")).error.code, "forbidden");
  assertEquals((await console.get("topics/theirs/records")).error.code, "forbidden");
  assertEquals((await console.get("topics/mine/records")).records, []);
  for (const path of ["overview", "history", "clients", "warnings", "live"]) {
    assertEquals([path, (await console.get(path)).error.code], [path, "forbidden"]);
  }
  const none = { key: null, value: null };
  assertEquals((await console.post("topics/mine/records", none)).error.code, "forbidden");
  assertEquals(
    (await console.post("topics/mine/delete", { confirm: "mine" })).error.code,
    "forbidden",
  );
  assertEquals((await console.post("topics", { name: "new" })).error.code, "forbidden");
  await admin.createAcls([
    { resource: "cluster", name: "kafka-cluster", principal, operation: "describe" },
    { resource: "topic", name: "mine", principal, operation: "delete" },
  ]);
  assertEquals((await console.get("overview")).error, undefined);
  assertEquals(await console.post("topics/mine/delete", { confirm: "mine" }), { isDone: true });
  await console[Symbol.asyncDispose]();
  const audit = await Deno.readTextFile(file);
  await Deno.remove(file);
  const lines = audit.split("\n").filter((line) => line.includes(principal));
  assert(lines.some((line) => /DeleteTopics|topic_deleted|delete/i.test(line)), audit);
});
