/**
 * Proves that a command which changes something does all of it, and fails where it failed, though nobody reads what it
 * prints (`| head -1`): what it would have told is left out, nothing else.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { run } from "../../src/cli/mod.ts";
import { Admin } from "../../src/client/admin.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { commitOffsets } from "../../src/client/group_changes.ts";
import { GroupMember } from "../../src/client/group_member.ts";
import { committedOffsets } from "../../src/client/groups.ts";
import { partitionEnds } from "../../src/client/partition_ends.ts";
import { jsonLines, typed } from "./command_line.ts";
import { TestBroker } from "./harness.ts";

/** As it was typed, with standard output closed by its reader. */
async function unread(...args: string[]): Promise<{ code: number; error: string }> {
  const { error } = console, { writeSync, write } = Deno.stdout;
  const closed = () => {
    throw new Deno.errors.BrokenPipe();
  };
  let errors = "";
  console.error = (text: string) => void (errors += `${text}\n`);
  Object.assign(Deno.stdout, {
    writeSync: closed,
    write: () => Promise.reject(new Deno.errors.BrokenPipe()),
  });
  try {
    const code = await run(args, () => Promise.reject(new Error("a broker was started")));
    return { code, error: errors };
  } finally {
    console.error = error;
    Object.assign(Deno.stdout, { writeSync, write });
  }
}

async function withBroker(
  body: (cluster: Cluster, at: string, broker: TestBroker) => Promise<void>,
): Promise<void> {
  await using broker = await TestBroker.start();
  const cluster = new Cluster({ bootstrap: `127.0.0.1:${broker.port}` });
  try {
    await body(cluster, `127.0.0.1:${broker.port}`, broker);
  } finally {
    cluster.close();
  }
}

Deno.test("group reset sets the offsets though nobody reads the plan", async () => {
  await withBroker(async (cluster, at, broker) => {
    await broker.createTopic("t");
    await commitOffsets(cluster, "g", [{ topic: "t", partition: 0, offset: 7n }]);
    const args = ["--to", "earliest", "--topic", "t", "--yes", "--bootstrap", at];
    assertEquals(await unread("group", "reset", "g", ...args), { code: 0, error: "" });
    assertEquals((await committedOffsets(cluster, "g"))[0].offset, 0n);
  });
});

Deno.test("a token whose password nobody reads is ended again, and told", async () => {
  await using broker = await TestBroker.start({
    auth: {
      enabled: true,
      plainUsername: "admin",
      plainPassword: "of the broker",
      mechanism: ["PLAIN"],
      failureDelayMs: 0,
    },
    delegationToken: { secretKey: "a secret key that nobody guesses" },
  });
  const file = await Deno.makeTempFile({ prefix: "runnel-token-" });
  const login = 'x required username="admin" password="of the broker"';
  await Deno.writeTextFile(
    file,
    `security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=${login};\n`,
  );
  await Deno.chmod(file, 0o600);
  const at = ["--bootstrap", `127.0.0.1:${broker.port}`, "--client-config", file];
  try {
    for (const how of [[], ["--json"]]) {
      const { code, error } = await unread("token", "create", ...how, ...at);
      assertEquals(code, 1);
      assertStringIncludes(error, "nobody reads the password, which is told once: the token is");
      assertEquals((await typed("token", "list", "--json", ...at)).out, "");
    }
    // Of another, who alone may end it.
    const { code, error } = await unread("token", "create", "--owner", "alice", ...at);
    assertEquals(code, 1);
    const [{ id }] = jsonLines(await typed("token", "list", "--json", ...at));
    assertStringIncludes(error, `nobody reads the password of token ${id}, which is told once`);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("topics are made and deleted, all of them, though nobody reads of it", async () => {
  await withBroker(async (cluster, at) => {
    const names = async () => (await new Admin(cluster).listTopics()).map(({ name }) => name);
    const made = await unread("topic", "create", "a", "b", "c", "--bootstrap", at);
    assertEquals(made, { code: 0, error: "" });
    assertEquals((await names()).sort(), ["a", "b", "c"]);
    const gone = await unread("topic", "delete", "a", "b", "x", "--yes", "--bootstrap", at);
    assertEquals(gone.code, 1);
    assertStringIncludes(gone.error, "x");
  });
});

Deno.test("produce --report sends all there is though nobody reads the report", async () => {
  await withBroker(async (cluster, at, broker) => {
    await broker.createTopic("t");
    const path = await Deno.makeTempFile();
    await Deno.writeTextFile(path, "line\n".repeat(600_000));
    const told = await unread("produce", "t", path, "--report", "--bootstrap", at);
    await Deno.remove(path);
    assertEquals(told, { code: 0, error: "" });
    const [{ end }] = await partitionEnds(cluster, [{ topic: "t", partition: 0 }]);
    assertEquals(end, 600_000);
  });
});

Deno.test("copy tells what was refused, and fails for it, though nobody reads what was copied", async () => {
  await withBroker(async (source, from, broker) => {
    await withBroker(async (target, to, other) => {
      await broker.createTopic("t");
      await other.createTopic("t");
      await commitOffsets(source, "g", [{ topic: "t", partition: 0, offset: 0n }]);
      const member = new GroupMember(target, { groupId: "g", topics: ["t"] });
      await member.heartbeat();
      const { code, error } = await unread("copy", "t", "--from", from, "--to", to);
      await member.leave();
      assertEquals(code, 1);
      assertStringIncludes(error, 'Group "g" is not copied: it has members');
    });
  });
});

Deno.test("doctor ends with 1 where something is wrong though nobody reads what", async () => {
  await withBroker(async () => {
    assertEquals((await unread("doctor", "--bootstrap", "127.0.0.1:1", "--wait", "1s")).code, 1);
  });
});
