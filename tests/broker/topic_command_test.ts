/** Proves what `runnel topic` lists of a running broker, makes, changes and deletes in it, and what it asks before. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { jsonLines, typed } from "./command_line.ts";
import { TestBroker } from "./harness.ts";

Deno.test("topics are created, listed, described, changed and deleted", async () => {
  await using broker = await TestBroker.start();
  const at = `--bootstrap=127.0.0.1:${broker.port}`;
  const type = (...args: string[]) => typed("topic", ...args, at);
  const dry = await type("create", "a", "--dry-run");
  assertEquals([dry.code, dry.out], [0, "a: could be created\n"]);
  const made = await type("create", "a", "b", "--partitions", "3", "--config", "retention.ms=1000");
  assertEquals([made.code, made.out], [0, "a: created\nb: created\n"]);
  assertEquals((await type("create", "a", "--if-absent")).out, "a: is there already\n");
  assertEquals(jsonLines(await type("list", "--pattern", "a|x.*", "--json")), [
    { topic: "a", partitions: 3, replicas: 1, bytes: 0 },
  ]);
  assertEquals((await type("grow", "a", "5", "--yes")).out, "a: 5 partitions, 3 before\n");
  const altered = await type(
    "alter",
    "a",
    "--config",
    "segment.ms=5000",
    "--unset",
    "retention.ms",
  );
  assertEquals(altered.out, "a: segment.ms = 5000\na: retention.ms unset\n");
  const [told] = jsonLines(await type("describe", "a", "--json"));
  assertEquals([told.name, told.configs["segment.ms"], told.configs["retention.ms"]], [
    "a",
    "5000",
    undefined,
  ]);
  assertEquals(told.partitions.length, 5);
  assertEquals((await type("delete", "a", "b", "--yes")).out, "a: deleted\nb: deleted\n");
  assertEquals((await type("delete", "a", "--if-present", "--yes")).out, "a: is not there\n");
  assertEquals(jsonLines(await type("list", "--json")), []);
});

Deno.test("records are trimmed by offset, by age or all, of the partitions that are named", async () => {
  await using broker = await TestBroker.start();
  const at = `--bootstrap=127.0.0.1:${broker.port}`;
  await broker.createTopic("t", { partitions: 2 });
  for (const value of ["1", "2", "3"]) {
    assertEquals((await typed("produce", "t", "--value", value, "--partition", "1", at)).code, 0);
  }
  const trim = async (...args: string[]) =>
    (await typed("topic", "trim", "t", ...args, "--yes", at)).out;
  assertEquals(await trim("--partition", "1", "--before", "1"), "t-1: begins at 1\n");
  assertEquals(await trim("--older-than", "1h"), "t-0: begins at 0\nt-1: begins at 1\n");
  assertEquals(await trim("--all"), "t-0: begins at 0\nt-1: begins at 3\n");
});

const MISTAKES: [args: string[], says: string][] = [
  [["create", "t"], "TOPIC_ALREADY_EXISTS"],
  [["create", "x", "--partitions", "0"], "--partitions 0: needs a whole number, 1 to"],
  [["create", "x", "--config", "retention.ms"], "needs NAME=VALUE"],
  [["create", "x", "--config", "nonsense=1"], "nonsense"],
  [["alter", "t"], "needs --config NAME=VALUE or --unset NAME"],
  [["grow", "t", "many"], "COUNT many: needs a whole number"],
  [["grow", "t", "5"], "Say --yes, since there is no terminal to ask at"],
  [["trim", "t", "--yes"], "needs one of --before, --older-than and --all"],
  [["trim", "t", "--all", "--partition", "9", "--yes"], "t has no partition 9: it has 1"],
  [["delete", "t"], "Say --yes, since there is no terminal to ask at"],
  [["delete", "nope", "--yes"], "There is no topic nope"],
  [["alter", "nope", "--unset", "retention.ms"], "There is no topic nope"],
  [["describe", "nope"], "There is no topic nope"],
];

Deno.test("what is wrong is told with its value, and nothing is changed or deleted without being asked", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 1 });
  const at = `--bootstrap=127.0.0.1:${broker.port}`;
  for (const [args, says] of MISTAKES) {
    const { code, out, error } = await typed("topic", ...args, at);
    assertEquals([code, out], [1, ""], args.join(" "));
    assertStringIncludes(error, says);
  }
  assertEquals(jsonLines(await typed("topic", "list", "--json", at)), [
    { topic: "t", partitions: 1, replicas: 1, bytes: 0 },
  ]);
});
