/** `runnel quota` against a broker: what is set is listed and in force, and what makes no sense is told in words. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { batchOf, produceRequest } from "./calls.ts";
import { jsonLines, typed } from "./command_line.ts";
import { TestBroker } from "./harness.ts";

async function told(args: readonly string[]): Promise<{ code: number; text: string }> {
  const { code, out, error } = await typed("quota", ...args);
  return { code, text: `${out}${error}`.trimEnd() };
}

Deno.test("quotas are set, listed and unset from the command line, and bind", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const run = (...words: string[]) => told([...words, "--bootstrap", `127.0.0.1:${broker.port}`]);
  const app = ["--client-id", "app"];
  assertEquals(await run("set", ...app, "producer_byte_rate=1000", "request_percentage=0.5"), {
    code: 0,
    text: "client-id app: producer_byte_rate is 1000\nclient-id app: request_percentage is 0.5",
  });
  await run("set", "--user", "a", "--default-client-id", "consumer_byte_rate=2");
  await run("set", "--default-ip", "connection_creation_rate=70");
  assertEquals((await run("list")).text.split("\n"), [
    "USER  CLIENT ID  IP         QUOTA                     VALUE",
    "                 (default)  connection_creation_rate  70",
    "      app                   producer_byte_rate        1000",
    "      app                   request_percentage        0.5",
    "a     (default)             consumer_byte_rate        2",
  ]);
  assertEquals((await run("list", ...app)).text.split("\n").length, 3);
  const json = jsonLines(
    await typed("quota", "list", "--json", `--bootstrap=127.0.0.1:${broker.port}`),
  );
  assertEquals(json.find(({ quota }) => quota === "consumer_byte_rate"), {
    entity: { user: "a", "client-id": null },
    quota: "consumer_byte_rate",
    value: 2,
  });
  const client = await broker.connect({ clientId: "app" });
  const produce = async () => {
    const call = produceRequest(12, { topic: "t", records: batchOf(["x".repeat(10_100)]) });
    return (await client.request(Produce, 12, call)).throttleTimeMs;
  };
  assert(await produce() > 0);
  assertEquals((await run("unset", ...app, "producer_byte_rate", "request_percentage")).code, 0);
  assertEquals(await produce(), 0);
  assertEquals((await run("list", ...app)).text.split("\n").length, 1);
});

Deno.test("a quota that makes no sense is told in words, before a broker is asked", async () => {
  const wrong: readonly (readonly [string, ...string[]])[] = [
    ["whose it is is missing", "set", "producer_byte_rate=1"],
    ["missing required argument 'KEY=VALUE'", "set", "--user", "a"],
    ['"x" is no KEY=VALUE', "set", "--user", "a", "x"],
    ["Invalid configuration key zap", "set", "--user", "a", "zap=1"],
    ["must be greater than 0", "set", "--user", "a", "producer_byte_rate=0"],
    ["IP entity should not be combined", "set", "--user", "a", "--ip", "::1", "x=1"],
    ["--user and --default-user are both given", "list", "--user", "a", "--default-user"],
    ["Invalid configuration key zap", "unset", "--user", "a", "zap"],
  ];
  for (const [what, ...args] of wrong) {
    const { code, out, error } = await typed("quota", ...args);
    assertEquals([code, out], [1, ""]);
    assertStringIncludes(error, what);
  }
});

Deno.test("a key that is no quota's is told with the one that was meant, or those there are", async () => {
  const near = await typed("quota", "set", "--client-id", "app", "producer_byte_rat=1");
  assertStringIncludes(near.error, "producer_byte_rat: did you mean producer_byte_rate?");
  const none = await typed("quota", "unset", "--ip", "::1", "zap");
  assertStringIncludes(none.error, "zap: there are connection_creation_rate\n");
});
