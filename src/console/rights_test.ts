/** Proves that what a user may not is not done and not told: by any change, by any look, from elsewhere, and once it is out. */
import net from "node:net";
import { assert, assertEquals } from "@std/assert";
import { Admin } from "../client/admin.ts";
import { deleteUser, setPassword } from "../client/admin_users.ts";
import { Cluster } from "../client/cluster.ts";
import { Producer } from "../client/producer.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";
import { API_PATH } from "./api.ts";

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

/** What a path of the API answers to somebody at another address of this machine. */
function askedFrom(localAddress: string, { broker, headers }: ConsoleBroker, path: string) {
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
      [`GET ${API_PATH}/${path} HTTP/1.1`, "Host: localhost", ...lines, "", ""].join("\r\n"),
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
  assertEquals(told, [{ type: "end", reason: "the user may not see it any more" }]);
});
