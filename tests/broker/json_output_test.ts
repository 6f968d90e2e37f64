/** Proves that what commands do is told as JSON too: of topics, users, a directory, a backup and an audit; and by which commands it is not. */
import { assertEquals } from "@std/assert";
import { COMMANDS } from "../../src/cli/commands.ts";
import { jsonLines, typed } from "./command_line.ts";
import { TestBroker, withDirectory } from "./harness.ts";

/** What they print is a script, a file, a help, the broker's own lines, or nothing but what `produce --report` says. */
const WITHOUT = ["completion", "export", "health", "help", "init", "produce", "serve", "version"];

Deno.test("every other action has --json", () => {
  const lacking = COMMANDS.flatMap(({ name, actions }) =>
    actions.filter(({ flags = [] }) => !flags.some((flag) => flag.name === "--json"))
      .map((action) => `${name} ${action.name}`.trim())
  );
  assertEquals(lacking.filter((action) => !WITHOUT.includes(action.split(" ")[0])), []);
});

Deno.test("what is done to topics is told as JSON", async () => {
  await using broker = await TestBroker.start();
  const topic = async (...args: string[]) =>
    jsonLines(await typed("topic", ...args, "--json", `--bootstrap=127.0.0.1:${broker.port}`));
  assertEquals(await topic("create", "t", "--dry-run"), [
    { topic: "t", result: "could be created" },
  ]);
  assertEquals(await topic("create", "t"), [{ topic: "t", result: "created" }]);
  assertEquals(await topic("create", "t", "--if-absent"), [
    { topic: "t", result: "is there already" },
  ]);
  assertEquals(await topic("grow", "t", "3", "--yes"), [{ topic: "t", partitions: 3, before: 1 }]);
  assertEquals(await topic("alter", "t", "--config", "retention.ms=1", "--unset", "segment.ms"), [
    { topic: "t", config: "retention.ms", value: "1" },
    { topic: "t", config: "segment.ms", value: null },
  ]);
  assertEquals(await topic("trim", "t", "--all", "--partition", "2", "--yes"), [
    { topic: "t", partition: 2, start: 0 },
  ]);
  assertEquals(await topic("delete", "t", "--yes"), [{ topic: "t", result: "deleted" }]);
  assertEquals(await topic("delete", "t", "--if-present", "--yes"), [
    { topic: "t", result: "is not there" },
  ]);
});

Deno.test("what is done to configs and groups is told as JSON, and every option of the broker", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const at = ["--json", `--bootstrap=127.0.0.1:${broker.port}`];
  assertEquals(jsonLines(await typed("config", "set", "topic", "t", "retention.ms=5", ...at)), [
    { type: "topic", name: "t", config: "retention.ms", value: "5", isDry: false },
  ]);
  assertEquals(
    jsonLines(await typed("config", "unset", "topic", "t", "retention.ms", "--dry-run", ...at)),
    [{ type: "topic", name: "t", config: "retention.ms", value: null, isDry: true }],
  );
  assertEquals(
    jsonLines(await typed("group", "delete", "g", "--if-present", "--yes", ...at)),
    [{ group: "g", result: "is not there" }],
  );
  const options = jsonLines(await typed("config", "--json", "--kafka-port=1234"));
  assertEquals(options.find(({ option }) => option === "kafka_port"), {
    option: "kafka_port",
    value: "1234",
    source: "flag --kafka-port",
  });
});

Deno.test("what there is of a directory, a backup of it and an audit is told as JSON", () =>
  withDirectory(async (path) => {
    const data = `${path}/data`, backup = `${path}/backup`, file = `${path}/audit.log`;
    await Deno.mkdir(data);
    const json = async (...args: string[]) => jsonLines(await typed(...args, "--json"));
    {
      const audit = { file, hashChain: true };
      await using broker = await TestBroker.start({ path: data, audit });
      await broker.createTopic("t");
      const bootstrap = `--bootstrap=127.0.0.1:${broker.port}`;
      const [made] = await json("backup", "create", backup, `--storage-path=${data}`, bootstrap);
      assertEquals([made.partitions > 0, made.keptFiles, made.removedFiles, made.warnings], [
        true,
        0,
        0,
        [],
      ]);
    }
    assertEquals(await json("backup", "verify", backup), [{ isWhole: true, problems: [] }]);
    const [restored] = await json("backup", "restore", backup, "--to", `${path}/restored`);
    assertEquals([restored.partitions > 0, restored.faults], [true, []]);
    const [found] = await json("storage", "verify", data);
    assertEquals([found.partitions, found.damaged], [2, 0]);
    assertEquals(await json("storage", "repair", data, "--partition", "t-0"), [
      { message: "t-0 is not damaged: nothing to repair" },
    ]);
    const [verdict] = await json("audit", "verify", file);
    assertEquals([verdict.isRight, verdict.isKeyed, verdict.files], [true, false, 1]);
    await Deno.truncate(`${data}/__cluster_metadata-0/00000000000000000000.log`, 40);
    const lines = await json("storage", "verify", data);
    assertEquals(lines.slice(0, -1).some(({ kind }) => kind === "damage"), true);
    assertEquals(lines.at(-1).damaged > 0, true);
  }));
