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
