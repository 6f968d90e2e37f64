/** `runnel quota` against a broker: what is set is listed and in force, and what makes no sense is told in words. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { runQuota } from "../../src/cli/quota.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { batchOf, produceRequest } from "./calls.ts";
import { TestBroker } from "./harness.ts";

async function told(args: readonly string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [], { log, error } = console;
  console.log = console.error = (line: string) => void lines.push(line);
  try {
    return { code: await runQuota(args), text: lines.join("\n") };
  } finally {
    Object.assign(console, { log, error });
  }
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
    ["set needs KEY=VALUE", "set", "--user", "a"],
    ['"x" is no KEY=VALUE', "set", "--user", "a", "x"],
    ["Invalid configuration key zap", "set", "--user", "a", "zap=1"],
    ["must be greater than 0", "set", "--user", "a", "producer_byte_rate=0"],
    ["IP entity should not be combined", "set", "--user", "a", "--ip", "::1", "x=1"],
    ["--user and --default-user are both given", "list", "--user", "a", "--default-user"],
    ["Invalid configuration key zap", "unset", "--user", "a", "zap"],
  ];
  for (const [what, ...args] of wrong) {
    const error = await assertRejects(() => runQuota(args), Error);
    assertStringIncludes(error.message, what);
  }
});

Deno.test("a key that is no quota's is told with where the keys are", async () => {
  const set = () => runQuota(["set", "--client-id", "app", "producer_byte_rat=1"]);
  await assertRejects(set, Error, "producer_byte_rat: `runnel quota --help` has those there are");
});
