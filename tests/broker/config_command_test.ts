/** Proves what `runnel config get|set|unset|diff` say of a running broker's configs, and change in them. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { jsonLines, typed } from "./command_line.ts";
import { TestBroker } from "./harness.ts";

const NAMES: [kind: string, name: string, config: string, value: string, otherwise: string][] = [
  ["topic", "t", "retention.ms", "60000", "604800000"],
  ["broker", "0", "log.segment.bytes", "60000000", "1073741824"],
  ["broker", "default", "log.retention.ms", "70000", ""],
  ["group", "g", "consumer.session.timeout.ms", "50000", "45000"],
  ["client", "s", "interval.ms", "60000", "300000"],
];

Deno.test("what is set is got, with who set it, and unset it is as it was", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const at = `--bootstrap=127.0.0.1:${broker.port}`;
  for (const [kind, name, config, value, otherwise] of NAMES) {
    const about = `${kind} ${name}`;
    const got = async (...args: string[]) =>
      jsonLines(await typed("config", "get", kind, name, ...args, "--json", at))
        .filter((one) => one.config === config);
    const before = await got();
    const dry = await typed("config", "set", kind, name, `${config}=${value}`, "--dry-run", at);
    assertEquals([dry.code, dry.error], [0, ""], about);
    assertEquals(await got(), before, about);
    const set = await typed("config", "set", kind, name, `${config}=${value}`, at);
    assertEquals([set.code, set.error], [0, ""], about);
    const [found] = await got();
    const source = name === "default" ? "all brokers" : kind;
    assertEquals([found.value, found.source], [value, source], about);
    assertEquals(await got(config), [found], about);
    assertEquals((await typed("config", "unset", kind, name, config, at)).code, 0);
    assertEquals(await got(), before, about);
    if (otherwise !== "") assertEquals((await got("--all"))[0].value, otherwise, about);
  }
});

Deno.test("all or none is set, and what is wrong is told with its value", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const at = `--bootstrap=127.0.0.1:${broker.port}`;
  for (
    const [args, says] of [
      [["set", "topic", "t", "retention.ms=1", "segment.bytes=no"], "segment.bytes"],
      [["set", "topic", "t", "nonsense=1"], "nonsense"],
      [["set", "topic", "nope", "retention.ms=1"], "UNKNOWN_TOPIC_OR_PARTITION"],
      [["get", "topic", "nope"], "UNKNOWN_TOPIC_OR_PARTITION"],
      [["get", "topic", "t", "nonsense"], "topic t has no config nonsense"],
      [["get", "broker", "77"], "There is no broker 77: the brokers are 0"],
    ] as const
  ) {
    const { code, out, error } = await typed("config", ...args, at);
    assertEquals([code, out], [1, ""], args.join(" "));
    assertStringIncludes(error, says);
  }
  const none = await typed("config", "get", "topic", "t", at);
  assertEquals(none.out, "CONFIG  VALUE  SET BY\n");
  assertStringIncludes(none.error, "topic t sets none itself; --all shows those it goes by");
});

Deno.test("diff ends with 2 where values differ, here or in another cluster, with 0 where none does", async () => {
  await using broker = await TestBroker.start();
  await using other = await TestBroker.start();
  await broker.createTopic("a", { configs: { "retention.ms": "1000" } });
  await broker.createTopic("b", { configs: { "retention.ms": "2000" } });
  await other.createTopic("a", { configs: { "retention.ms": "1000" } });
  const here = `127.0.0.1:${broker.port}`, at = `--bootstrap=${here}`;
  const there = `127.0.0.1:${other.port}`;
  const differs = await typed("config", "diff", "topic", "a", "b", at);
  assertEquals([differs.code, differs.out], [
    2,
    `First: topic a at ${here}\nSecond: topic b at ${here}\n` +
    "CONFIG        FIRST  SECOND\nretention.ms  1000   2000\n",
  ]);
  const same = await typed("config", "diff", "topic", "a", `--other-bootstrap=${there}`, at);
  assertEquals([same.code, same.out], [0, "There is no difference.\n"]);
  const json = await typed(
    "config",
    "diff",
    "topic",
    "b",
    "a",
    "--json",
    "--other-bootstrap",
    there,
    at,
  );
  assertEquals([json.code, jsonLines(json)], [
    2,
    [{ config: "retention.ms", first: "2000", second: "1000" }],
  ]);
});
