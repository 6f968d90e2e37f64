/**
 * Proves what `runnel serve --apply` does: a wrong file keeps the broker from starting; a right one is made so through
 * the broker itself, though its only listener wants a log-in, each change audited; and again there is nothing to do.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type RunningBroker, startBroker } from "../../src/broker.ts";
import { readAtStart } from "../../src/cli/state/at_start.ts";
import { Connection } from "../../src/client/connection.ts";
import { clusterIdOf, topicShapes } from "../../src/client/settings.ts";
import { configOfOptions } from "../../src/config/load.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { typed } from "./command_line.ts";
import { withDirectory } from "./harness.ts";

const STATE = `
[topics.orders]
partitions = 3
[users.alice]
SCRAM-SHA-512 = 4096
password_file = "alice.password"
[[acls]]
user = "alice"
allow = "create"
resource = "cluster"
[[quotas]]
default_user = true
controller_mutation_rate = 1
`;

/** A broker in a directory whose only listener wants a log-in, and an audit. */
function configIn(directory: string) {
  return configOfOptions({
    storage: { path: `${directory}/data` },
    kafkaPort: 0,
    httpPort: 0,
    listeners: [{ name: "LOGIN", protocol: "SASL_PLAINTEXT", port: 0 }],
    insecure: true,
    auth: { mechanism: ["SCRAM-SHA-512"] },
    audit: { file: `${directory}/audit.log` },
    log: { level: "error" },
  }).config;
}

async function inDirectory(body: (directory: string, path: string) => Promise<void>) {
  await withDirectory(async (directory) => {
    const path = `${directory}/state.toml`;
    await Deno.writeTextFile(path, STATE);
    await Deno.writeTextFile(`${directory}/alice.password`, "of alice", { mode: 0o600 });
    await body(directory, path);
  });
}

/** What an apply to a broker that is begun and ended here has to say. */
async function started(
  directory: string,
  path: string,
  body: (broker: RunningBroker) => Promise<void> = () => Promise.resolve(),
): Promise<readonly string[]> {
  const config = configIn(directory), apply = await readAtStart(path, config);
  const broker = await startBroker(config);
  try {
    const problems = await apply(broker.asking());
    await body(broker);
    return problems;
  } finally {
    await broker.stop();
  }
}

const changesIn = (directory: string) =>
  Deno.readTextFileSync(`${directory}/audit.log`).trimEnd().split("\n")
    .map((line) => JSON.parse(line)).filter(({ kind }) => kind === "change");

Deno.test("a file is made so at the first start and audited, and again there is nothing to do", async () => {
  await inDirectory(async (directory, path) => {
    const first = await started(directory, path, async (broker) => {
      const [host, port] = broker.kafkaAddress.split(":");
      const sasl = { mechanism: "SCRAM-SHA-512", username: "alice", password: "of alice" } as const;
      const alice = await Connection.open({ host, port: Number(port), sasl });
      const { topics: [made] } = await alice.request(CreateTopics, 7, {
        topics: [{ name: "by-alice", numPartitions: 1, replicationFactor: 1 }],
      });
      assertEquals(made.errorCode, 0);
      alice.close();
    });
    assertEquals(first, []);
    const changes = changesIn(directory);
    assertEquals(changes.map(({ principal, action, outcome }) => [principal, action, outcome]), [
      ["Runnel:serve", "user.alter", "done"],
      ["Runnel:serve", "acl.create", "done"],
      ["Runnel:serve", "topic.create", "done"],
      ["Runnel:serve", "quota.alter", "done"],
      ["User:alice", "topic.create", "done"],
    ]);
    assertEquals(changes[0].rights[0].by, "super user");
    // What is there needs no password any more.
    await Deno.remove(`${directory}/alice.password`);
    assertEquals(await started(directory, path), []);
    assertEquals(changesIn(directory).length, 5);
    // The quota of each user, which the file has set, does not bind the broker itself.
    await Deno.writeTextFile(
      path,
      `${STATE}[topics.large]\npartitions = 100\n[topics.larger]\npartitions = 200\n`,
    );
    assertEquals(await started(directory, path), []);
    const made = changesIn(directory).slice(5);
    assertEquals(made.map(({ action, outcome }) => [action, outcome]), [["topic.create", "done"]]);
  });
});

Deno.test("what cannot be is told, with nothing changed", async () => {
  await inDirectory(async (directory, path) => {
    assertEquals(await started(directory, path), []);
    const before = changesIn(directory).length;
    await Deno.writeTextFile(path, STATE.replace("= 3", "= 2") + "[topics.more]\n");
    const [problem] = await started(directory, path, async (broker) => {
      const asking = broker.asking();
      assertEquals((await topicShapes(asking)).map(({ name }) => name), ["orders"]);
      assertEquals((await clusterIdOf(asking)).length, 22);
    });
    assertStringIncludes(problem, "topic orders has 3 partitions and cannot have fewer");
    await Deno.writeTextFile(
      path,
      "[topics.more]\nreplicas = 2\n[users.bob]\npassword_file = 'no'\n",
    );
    const [password, replicas, ...others] = await started(directory, path);
    assertStringIncludes(password, "user bob: cannot read its password");
    assertStringIncludes(replicas, "INVALID_REPLICATION_FACTOR");
    assertEquals([others, changesIn(directory).length], [[], before]);
  });
});

Deno.test("a file that is wrong keeps the broker from starting", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/state.toml`;
    const says = async (text: string, ...args: string[]) => {
      await Deno.writeTextFile(path, text);
      const { code, error } = await typed("serve", ...args, "--storage-path", "memory://");
      assertEquals(code, 1);
      assert(!error.includes("a broker was started"), error);
      return error;
    };
    const file = `--apply=${path}`;
    assertStringIncludes(await says("[topics.t]\npartition = 1", file), "did you mean partitions?");
    assertStringIncludes(
      await says('[topics.t]\nconfigs = { "retention.ms" = "long" }', "--apply", path),
      "topic t: Invalid value long for configuration retention.ms",
    );
    const acl = "[[acls]]\nuser = 'a'\nallow = 'read'\nresource = 'topic:t'";
    assertStringIncludes(await says(acl, file), "has ACLs, and the broker asks none");
    assertStringIncludes(await says("", "--apply", `${path}.nowhere`), "There is no ");
    assertStringIncludes(await says("", "--apply"), "--apply has no value: needs a file");
    assertStringIncludes(await says("", "--apply", "--debug"), "--apply has no value");
    assertStringIncludes(await says("", file, file), "--apply is given twice");
    assertStringIncludes(await says("", "--apply=-"), "needs a file");
  });
});
