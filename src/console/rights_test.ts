/** Proves that what a user may not is not done and not told: by any change, by any look, from elsewhere, and once it is out. */
import net from "node:net";
import { assert, assertEquals } from "@std/assert";
import { Admin } from "../client/admin.ts";
import { deleteUser, setPassword } from "../client/admin_users.ts";
import { Cluster } from "../client/cluster.ts";
import { Consumer } from "../client/consumer.ts";
import { Producer } from "../client/producer.ts";
import { TransactionalProducer } from "../client/transactional_producer.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";
import { API_PATH } from "./api.ts";
import { routes } from "./routes.ts";

const basic = (text: string) => `Basic ${btoa(text)}`;

/** A broker with users; `admin` may everything, `alice` what she is allowed. */
class Guarded implements AsyncDisposable {
  readonly console: ConsoleBroker;
  readonly cluster: Cluster;
  readonly admin: Admin;

  private constructor(console: ConsoleBroker) {
    this.console = console;
    const sasl = { mechanism: "PLAIN", username: "admin", password: "secret" } as const;
    this.cluster = new Cluster({ bootstrap: console.broker.kafkaAddress, sasl });
    this.admin = new Admin(this.cluster);
  }

  static async start(): Promise<Guarded> {
    const guarded = new Guarded(
      await ConsoleBroker.start({
        auth: {
          enabled: true,
          mechanism: ["PLAIN", "SCRAM-SHA-256"],
          plainUsername: "admin",
          plainPassword: "secret",
          failureDelayMs: 0,
        },
        console: { write: true },
        groups: { initialRebalanceDelayMs: 0 },
      }),
    );
    await guarded.add("alice", "pencil");
    return guarded;
  }

  async add(name: string, password: string) {
    await setPassword(this.cluster, name, password, {
      mechanism: "SCRAM-SHA-256",
      iterations: 4096,
    }, {});
  }

  /** From now on asked as this user. */
  as(user: string): ConsoleBroker {
    this.console.headers = { authorization: basic(user) };
    return this.console;
  }

  async [Symbol.asyncDispose]() {
    this.cluster.close();
    await this.console[Symbol.asyncDispose]();
  }
}

/** What a path of the API answers to somebody at an address of this machine. */
function askedFrom(
  localAddress: string,
  { broker, headers }: ConsoleBroker,
  path: string,
  name = "localhost",
) {
  const [host, port] = broker.httpAddress!.split(":");
  return new Promise<string>((resolve, reject) => {
    const socket = net.connect({ host, port: Number(port), localAddress });
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (part: string) => text += part);
    socket.on("end", () => {
      socket.destroy();
      resolve(text);
    });
    socket.on("error", reject);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    socket.write(
      [`GET ${API_PATH}/${path} HTTP/1.1`, `Host: ${name}`, ...lines, "", ""].join("\r\n"),
    );
  });
}

Deno.test("topics that a user may see from one address alone are not told at another", async () => {
  await using guarded = await Guarded.start();
  const { admin } = guarded;
  await admin.createTopics([{ name: "here" }, { name: "anywhere" }]);
  const right = { resource: "topic", principal: "User:alice", operation: "read" } as const;
  await admin.createAcls([
    { ...right, name: "here", host: "127.0.0.1" },
    { ...right, name: "anywhere" },
  ]);
  const console = guarded.as("alice:pencil");
  const names = (await console.get("topics")).items.map(({ name }: { name: string }) => name);
  assertEquals(names, ["anywhere", "here"]);
  const elsewhere = await askedFrom("127.0.0.2", console, "topics");
  assert(elsewhere.includes('"anywhere"'), elsewhere);
  assert(!elsewhere.includes('"here"'), elsewhere);
});

async function produce(cluster: Cluster, topic: string, count: number, bytes: number) {
  await using producer = new Producer(cluster);
  const value = new Uint8Array(bytes);
  await Promise.all(Array.from({ length: count }, () => producer.send({ topic, value })));
}

Deno.test("a download and what is followed end with the user who asked for it", async () => {
  await using guarded = await Guarded.start();
  const { admin, cluster } = guarded;
  await admin.createTopics([{ name: "t" }]);
  const right = { resource: "topic", name: "t", principal: "User:alice" } as const;
  await admin.createAcls([{ ...right, operation: "read" }]);
  await produce(cluster, "t", 60, 200_000);
  const console = guarded.as("alice:pencil");
  const download = await console.fetch("topics/t/records/download");
  const reader = download.body!.getReader();
  await reader.read();
  const followed = await console.fetch("topics/t/records/follow");
  const lines = followed.text();
  await deleteUser(cluster, "alice", "SCRAM-SHA-256", {});
  await produce(cluster, "t", 1, 10);
  let bytes = 0, isCut = false;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes += part.value.length;
    }
  } catch {
    isCut = true;
  }
  assert(isCut && bytes < 10 << 20, `${bytes} bytes came, cut: ${isCut}`); // of 16 MB, some are on their way
  const told = (await lines).trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(told.filter(({ type }) => type === "record"), []);
  assertEquals(told.at(-1), { type: "end", reason: "the user may not see it any more" });
});

Deno.test("who asks for the header of a download alone keeps nobody waiting", async () => {
  await using guarded = await Guarded.start();
  await guarded.admin.createTopics([{ name: "t" }]);
  await produce(guarded.cluster, "t", 1, 10);
  const console = guarded.as("admin:secret"), beganMs = performance.now();
  for (let i = 0; i < 8; i++) {
    const { status } = await console.fetch("topics/t/records/download", { method: "HEAD" });
    assertEquals(status, 200);
  }
  await (await console.fetch("topics/t/records/download")).text();
  assert(performance.now() - beganMs < 10_000, "it waits for those that nobody takes");
});

Deno.test("a password that was changed lets nobody in any more, also where the user was made anew", async () => {
  await using guarded = await Guarded.start();
  const { cluster } = guarded;
  const status = async (user: string) => {
    const response = await guarded.as(user).fetch("session");
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await status("alice:pencil"), 200);
  await guarded.add("alice", "changed");
  assertEquals([await status("alice:pencil"), await status("alice:changed")], [401, 200]);
  await deleteUser(cluster, "alice", "SCRAM-SHA-256", {});
  await guarded.add("alice", "anew");
  assertEquals([await status("alice:changed"), await status("alice:anew")], [401, 200]);
  await guarded.add("bob", "other");
  assertEquals(await status("alice:anew"), 200); // others are none of hers
});

Deno.test("what is followed ends when the password it was asked with is changed", async () => {
  await using guarded = await Guarded.start();
  const { admin, cluster } = guarded;
  await admin.createTopics([{ name: "t" }]);
  const right = { resource: "topic", name: "t", principal: "User:alice" } as const;
  await admin.createAcls([{ ...right, operation: "read" }]);
  const followed = await guarded.as("alice:pencil").fetch("topics/t/records/follow");
  await guarded.add("alice", "changed");
  await produce(cluster, "t", 1, 10);
  const told = (await followed.text()).trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(told.filter(({ type }) => type !== "scanned"), [
    { type: "end", reason: "the user may not see it any more" },
  ]);
});

/** A topic, a group that reads it, and a transactional id, all of one name. */
async function fill({ cluster, admin }: Guarded, name: string): Promise<Consumer> {
  await admin.createTopics([{ name, partitions: 2 }]);
  await using producer = new TransactionalProducer(cluster, { transactionalId: name });
  await producer.init();
  producer.begin();
  for (const partition of [0, 1]) await producer.send({ topic: name, partition, value: "x" });
  await producer.commit();
  const consumer = new Consumer(cluster, { groupId: name, autoOffsetReset: "earliest" });
  consumer.subscribe([name]);
  for (let read = 0; read < 2;) read += (await consumer.poll(500)).length;
  await consumer.commit();
  return consumer;
}

/** Every route, asked about a name; with a body that would do it. */
function asked(name: string): [method: string, path: string, body: unknown][] {
  const bodies: Record<string, unknown> = {
    "topics": { name: `${name}-new` },
    "topics/:topic/partitions": { count: 5 },
    "topics/:topic/configs": { configs: { "retention.ms": "1" } },
    "topics/:topic/delete": { confirm: name },
    "topics/:topic/records": { key: null, value: { encoding: "utf8", text: "y" } },
    "group/offsets": { topic: name, to: { kind: "start" }, preview: false },
    "group/delete": { confirm: name },
  };
  return routes.map(({ method, path, query }) => {
    const filled = path.replace(":topic", name).replace(":partition", "0").replace(":offset", "0");
    return [method, "id" in query ? `${filled}?id=${name}` : filled, bodies[path]];
  });
}

async function answerTo(
  console: ConsoleBroker,
  [method, path, body]: [method: string, path: string, body: unknown],
): Promise<string> {
  if (method === "POST") return JSON.stringify(await console.post(path, body));
  const response = await console.fetch(path);
  if (response.headers.get("content-type") !== "application/x-ndjson") return await response.text();
  await response.body?.cancel();
  return "a stream";
}

Deno.test("who may nothing is told nothing: a thing that is there is answered as one that is not", async () => {
  await using guarded = await Guarded.start();
  await using _consumer = await fill(guarded, "secret");
  const console = guarded.as("alice:pencil");
  const there = asked("secret"), notThere = asked("nothing");
  for (const [i, one] of there.entries()) {
    const [a, b] = [await answerTo(console, one), await answerTo(console, notThere[i])];
    if (one[1] === "session") continue; // tells the time
    assertEquals(a.replaceAll("secret", "nothing"), b, one.join(" "));
  }
});

Deno.test("who may only look changes nothing, by whatever route, and sees of a group its own topics alone", async () => {
  await using guarded = await Guarded.start();
  const { admin } = guarded, consumer = await fill(guarded, "shown");
  await using _other = await fill(guarded, "secret");
  const principal = "User:alice", operation = "describe";
  await admin.createAcls([
    { resource: "topic", name: "shown", principal, operation: "read" },
    { resource: "group", name: "shown", principal, operation },
    { resource: "group", name: "secret", principal, operation },
    { resource: "transactionalId", name: "shown", principal, operation },
    { resource: "transactionalId", name: "secret", principal, operation },
  ]);
  const console = guarded.as("alice:pencil");
  const group = await console.get("group?id=shown");
  assertEquals(group.memberList[0].partitions.length, 2);
  assertEquals(group.offsets.length, 2);
  const other = await console.get("group?id=secret");
  assertEquals([
    other.offsets,
    other.memberList[0].topics,
    other.memberList[0].partitions,
    other.stuck,
  ], [[], [], [], []]);
  await consumer.close();
  const before = await stateOf(guarded);
  for (const one of asked("shown").filter(([method]) => method === "POST")) {
    guarded.as("alice:pencil");
    const { error } = JSON.parse(await answerTo(console, one));
    assertEquals([one[1], error?.code], [one[1], "forbidden"]);
    assertEquals(await stateOf(guarded), before, one[1]);
  }
});

/** What there is, as who may see all. */
async function stateOf(guarded: Guarded): Promise<unknown> {
  const console = guarded.as("admin:secret");
  const topics = await console.get("topics"), configs = await console.get("topics/shown/configs");
  const { partitionList } = await console.get("topics/shown");
  const { offsets } = await console.get("group?id=shown");
  return { topics, configs, partitionList, offsets };
}

Deno.test("a page that a foreign name leads here cannot try passwords: right and wrong are answered alike", async () => {
  await using guarded = await Guarded.start();
  const { httpAddress } = guarded.console.broker,
    failures = async () =>
      /^runnel_login_failures_total (\d+)/m.exec(
        await (await fetch(`http://${httpAddress}/metrics`)).text(),
      )?.[1];
  for (const user of ["alice:pencil", "alice:guess"]) {
    const answer = await askedFrom("127.0.0.1", guarded.as(user), "session", "evil.example:9093");
    assert(answer.startsWith("HTTP/1.1 421 "), answer);
    assert(answer.includes('"code":"wrong_host"'), answer);
  }
  assertEquals(await failures(), "0");
  const own = await askedFrom("127.0.0.1", guarded.as("alice:guess"), "session");
  assert(own.startsWith("HTTP/1.1 401 "), own);
  assertEquals(await failures(), "1");
});
