/**
 * Proves `runnel copy` where things are not as they were: groups that lag behind what the source deleted, groups that
 * the user may not see, topics that somebody else made again, and names that would steer a terminal.
 */
import { scramUsers } from "./scram_users.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { copied, type CopyOptions } from "../../src/cli/copy/copy.ts";
import { Output } from "../../src/cli/output.ts";
import { Admin } from "../../src/client/admin.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { commitOffsets } from "../../src/client/group_changes.ts";
import { GroupMember } from "../../src/client/group_member.ts";
import { committedOffsets } from "../../src/client/groups.ts";
import { Producer } from "../../src/client/producer.ts";
import { jsonLines, Signals, typed } from "./command_line.ts";
import { recordsOf } from "./copies.ts";
import { type Settings, TestBroker } from "./harness.ts";

class Two implements AsyncDisposable {
  readonly source: Cluster;
  readonly target: Cluster;

  private constructor(readonly from: TestBroker, readonly to: TestBroker) {
    this.source = new Cluster({ bootstrap: `127.0.0.1:${from.port}` });
    this.target = new Cluster({ bootstrap: `127.0.0.1:${to.port}` });
  }

  static async start(): Promise<Two> {
    return new Two(await TestBroker.start(), await TestBroker.start());
  }

  copy(...args: string[]) {
    const at = ["--from", `127.0.0.1:${this.from.port}`, "--to", `127.0.0.1:${this.to.port}`];
    return typed("copy", ...args, ...at);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.source.close();
    this.target.close();
    await this.from[Symbol.asyncDispose]();
    await this.to[Symbol.asyncDispose]();
  }
}

async function send(cluster: Cluster, topic: string, values: readonly string[]): Promise<void> {
  await using producer = new Producer(cluster);
  for (const value of values) await producer.send({ topic, value });
}

/** What is set on a topic itself. */
async function setOn(cluster: Cluster, name: string): Promise<Record<string, string | null>> {
  const entries = await new Admin(cluster).describeConfigs({ type: "topic", name });
  return Object.fromEntries(
    entries.filter(({ source }) => source === "topic").map(({ name, value }) => [name, value]),
  );
}

const KEPT = { "retention.ms": "-1" };
const at = (offset: bigint) => [{ topic: "t", partition: 0, offset }];

Deno.test("a group behind what the source deleted goes on with the first record that is there, and skips none", async () => {
  await using two = await Two.start();
  await two.from.createTopic("t", { configs: KEPT });
  await send(two.source, "t", ["a", "b", "c", "d"]);
  assertEquals((await two.copy("t")).code, 0);
  await send(two.source, "t", ["e", "f", "g", "h"]);
  await new Admin(two.source).deleteRecords({ topic: "t", partition: 0, offset: 6 });
  await commitOffsets(two.source, "g", at(5n));
  assertEquals((await two.copy("t")).code, 0);
  // a b c d g h: f is gone, g is what the group gets at the source
  assertEquals((await committedOffsets(two.target, "g"))[0].offset, 4n);
});

Deno.test("a topic that somebody made again while it was copied keeps the configs it was made with", async () => {
  await using two = await Two.start();
  const { target } = two;
  await two.from.createTopic("t", { configs: KEPT });
  await send(two.source, "t", ["a"]);
  using signals = new Signals();
  const following = two.copy("t", "--follow", "--json"), { error } = console;
  let complaints = 0;
  console.error = (text: string) => {
    complaints++;
    error(text); // it is the command's own, until that ends
  };
  const there = async () => {
    target.forget("t");
    return (await recordsOf(target, "t").catch(() => [])).length;
  };
  for (let tries = 0; tries < 400 && await there() === 0; tries++) await target.pause(50);
  await new Admin(target).deleteTopics(["t"]);
  await two.to.createTopic("t", { configs: { "message.timestamp.type": "LogAppendTime" } });
  await send(two.source, "t", ["b"]);
  for (let tries = 0; tries < 400 && complaints === 0; tries++) await target.pause(50);
  signals.send();
  const told = await following;
  assertEquals(told.code, 1, told.error);
  assertEquals(await setOn(target, "t"), { "message.timestamp.type": "LogAppendTime" });
});

Deno.test("names in what copy complains of cannot steer the terminal", async () => {
  await using two = await Two.start();
  await two.from.createTopic("t", { configs: KEPT });
  await send(two.source, "t", ["a"]);
  const groupId = "g\x9b31m\u202e\x7f";
  await commitOffsets(two.source, groupId, at(1n));
  assertEquals((await two.copy("t", "--without-groups")).code, 0);
  const member = new GroupMember(two.target, { groupId, topics: ["t"] });
  await member.heartbeat();
  const { code, error } = await two.copy("t");
  await member.leave();
  assertEquals(code, 1);
  assertStringIncludes(error, "is not copied: it has members");
  assertEquals(/[\x7f-\x9f\u202e]/.test(error), false, JSON.stringify(error));
});

Deno.test("a group that this user may not see is told, and the others and the topic are finished", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const usersFile = await scramUsers(folder, ["root", "ann"]);
    const settings: Settings = {
      authorization: { superUsers: ["User:root"] },
      auth: { enabled: true, mechanism: ["SCRAM-SHA-256"], usersFile },
    };
    await using from = await TestBroker.start(settings);
    await using to = await TestBroker.start();
    const reached = [`--bootstrap=127.0.0.1:${from.port}`, `--client-config=${folder}/root`];
    const asRoot = async (...args: string[]) => {
      const { code, error } = await typed(...args, ...reached);
      assertEquals(code, 0, error);
    };
    await asRoot("topic", "create", "t", "--config=message.timestamp.type=LogAppendTime");
    await asRoot("produce", "t", "--value=a");
    for (const group of ["open", "hidden"]) {
      await asRoot("consume", "t", "--group", group, "--count=1");
    }
    for (const [operation, resource] of [["describe", "cluster"], ["describe", "group:open"]]) {
      await asRoot("acl", "add", "ann", operation, resource);
    }
    for (const operation of ["read", "describe", "describe-configs"]) {
      await asRoot("acl", "add", "ann", operation, "topic:t");
    }
    const told = await typed(
      "copy",
      "t",
      "--json",
      `--from=127.0.0.1:${from.port}`,
      `--from-client-config=${folder}/ann`,
      `--to=127.0.0.1:${to.port}`,
    );
    assertStringIncludes(told.error, 'Group "hidden" is not copied: ');
    assertEquals(told.code, 1);
    assertEquals(jsonLines(told).map(({ group, state }) => [group, state]), [
      [undefined, "copied"],
      ["open", "set"],
    ]);
    const target = new Cluster({ bootstrap: `127.0.0.1:${to.port}` });
    const { "message.timestamp.type": type } = await setOn(target, "t");
    target.close();
    assertEquals(type, "LogAppendTime");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const OPTIONS: CopyOptions = {
  selection: { names: ["t"], matches: null, renames: new Map(), prefix: "" },
  groups: null,
  isFollowing: false,
  isAppending: false,
  compression: null,
  replicas: null,
  name: null,
};

/** A cluster that is gone once CreateTopics was sent: the broker makes the topic, and nobody hears of it. */
function goneAtCreate(port: number): Cluster {
  let isDead = false;
  const cluster: Cluster = new Cluster({
    bootstrap: `127.0.0.1:${port}`,
    dial: async (address) => {
      if (isDead) throw new Error("dead");
      const socket = await Deno.connect(address);
      return {
        read: (into) => socket.read(into),
        async write(bytes) {
          if (isDead) throw new Error("dead");
          const written = await socket.write(bytes);
          if (bytes[4] === 0 && bytes[5] === CREATE_TOPICS) {
            isDead = true;
            await new Promise((resolve) => setTimeout(resolve, 300));
            cluster.close();
          }
          return written;
        },
        close: () => socket.close(),
      };
    },
  });
  return cluster;
}

const CREATE_TOPICS = 19;

Deno.test("a copy that dies when it has made a topic leaves it to the next one, which gives it its configs", async () => {
  await using two = await Two.start();
  const configs = { ...KEPT, "message.timestamp.type": "LogAppendTime" };
  await two.from.createTopic("t", { configs });
  await send(two.source, "t", ["a"]);
  const target = goneAtCreate(two.to.port), out = new Output({ isJson: true, sink: SILENT });
  const { error } = console;
  console.error = () => {};
  await copied({ source: two.source, target, out, options: OPTIONS }).catch(() => {});
  console.error = error;
  target.close();
  assertEquals((await setOn(two.target, "t"))["message.timestamp.type"], "CreateTime");
  const told = await two.copy("t");
  assertEquals([told.code, told.error], [0, ""]);
  assertEquals(await setOn(two.target, "t"), configs);
});

const SILENT = { write() {}, width: null };
