/** Proves what commands show to a user who may see a topic and nothing else, and what they say of what is missing. */
import { scramUsers } from "./scram_users.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { jsonLines, typed } from "./command_line.ts";
import { TestBroker } from "./harness.ts";

type As = (who: string, ...args: string[]) => ReturnType<typeof typed>;

/** Topics t and hidden; root may do everything, ann describe t and its configs, and nobody gives no name at all. */
async function withUsers(body: (as: As) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const usersFile = await scramUsers(folder, ["root", "ann"]);
    await Deno.writeTextFile(`${folder}/nobody`, "security.protocol=PLAINTEXT\n");
    await using broker = await TestBroker.start({
      authorization: { superUsers: ["User:root"] },
      auth: { enabled: true, mechanism: ["SCRAM-SHA-256"], usersFile },
    });
    const as: As = (who, ...args) =>
      typed(...args, `--bootstrap=localhost:${broker.port}`, `--client-config=${folder}/${who}`);
    assertEquals((await as("root", "topic", "create", "t", "hidden")).code, 0);
    for (const operation of ["describe", "describe-configs"]) {
      assertEquals((await as("root", "acl", "add", "ann", operation, "topic:t")).code, 0);
    }
    await body(as);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("who may see a topic lists and describes it, though how large it is needs more", async () => {
  await withUsers(async (as) => {
    const list = await as("ann", "topic", "list");
    assertEquals([list.code, list.error], [0, ""]);
    assertMatch(list.out, /^TOPIC .*\nt +1 +1 +-\n?$/);
    const [topic] = jsonLines(await as("ann", "topic", "describe", "t", "--json"));
    assertEquals([topic.name, topic.partitions[0].bytes], ["t", null]);
    const cluster = await as("ann", "cluster");
    assertEquals([cluster.code, cluster.error], [0, ""]);
    assertStringIncludes(cluster.out, "\n1 topic, 1 partition\n");
    assertMatch(
      cluster.out,
      /\n *0 +localhost:\d+ +- +1 +- +- +- +-\n|\n *0 +127\.0\.0\.1:\d+ +- +1 +- +- +- +-\n/,
    );
    const [{ bytes, brokers }] = jsonLines(await as("ann", "cluster", "--json"));
    assertEquals([bytes, brokers[0].dirs], [null, null]);
  });
});

Deno.test("a right that is missing is told with the command that gives it", async () => {
  await withUsers(async (as) => {
    const said = async (...args: string[]) => {
      const { code, error } = await as("ann", ...args);
      assertEquals(code, 1, args.join(" "));
      assertEquals(error.trim().split("\n").length, 1, error);
      return error;
    };
    for (
      const args of [
        ["produce", "t", "--value", "x"],
        ["topic", "create", "new"],
        ["group", "describe", "g"],
        ["acl", "list"],
      ]
    ) assertStringIncludes(await said(...args), "runnel acl add USER OPERATION RESOURCE");
    assertStringIncludes(await said("token", "list"), "delegation_token.secret_key");
  });
});

Deno.test("who speaks in clear where a log-in is asked for is told of --client-config", async () => {
  await withUsers(async (as) => {
    for (const args of [["topic", "list"], ["consume", "t"], ["acl", "list"], ["txn", "list"]]) {
      const startMs = performance.now();
      const { code, error } = await as("nobody", ...args);
      assertEquals(code, 1);
      assertStringIncludes(error, "--client-config");
      assert(performance.now() - startMs < 5000, "it is told at once");
    }
  });
});
