/**
 * Proves what `runnel doctor` makes of a running broker: nothing of a sound one, what is wrong of one that is not, each with
 * a command; which password goes where; and what it says of flags that it cannot use. Many more broken set-ups are in
 * tests/cli/doctor.ts.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { append, batchOf, produce } from "./calls.ts";
import { freePorts } from "../crash/victim.ts";
import { jsonLines, typed } from "./command_line.ts";
import { type Settings, TestBroker, withDirectory } from "./harness.ts";

const WAIT = "--wait=1s";

function places(broker: TestBroker): string[] {
  return [`--bootstrap=127.0.0.1:${broker.port}`, `--http=${broker.httpAddress}`];
}

Deno.test("doctor finds nothing at a sound broker, and ends with 0", async () => {
  await withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path });
    await broker.createTopic("t", { partitions: 2 });
    await append(await broker.connect(), "t", ["a", "b"], { partition: 0 });
    const told = await typed("doctor", WAIT, ...places(broker));
    assertEquals(told.code, 0, told.out);
    assertStringIncludes(told.out, `Nothing is wrong at 127.0.0.1:${broker.port}`);
    const findings = jsonLines(await typed("doctor", "--json", WAIT, ...places(broker)));
    assertEquals(findings.filter(({ severity }) => severity !== "unseen"), []);
  });
});

Deno.test("doctor goes on by a detour where the only broker's address is wrong, and tells of both", async () => {
  await using other = await TestBroker.start();
  const advertisedAddress = `127.0.0.1:${other.port}`, { kafka: kafkaPort } = freePorts();
  await using broker = await TestBroker.start({ advertisedAddress, kafkaPort });
  const connection = await broker.connect({ port: kafkaPort });
  await produce(connection, { topic: "none", records: batchOf(["a"]) });
  const at = [`--bootstrap=127.0.0.1:${kafkaPort}`, `--http=${broker.httpAddress}`];
  const told = await typed("doctor", "--json", WAIT, ...at);
  const found = jsonLines(told);
  assertEquals(
    found.filter(({ severity }) => severity !== "unseen").map(({ check }) => check),
    ["advertised", "refused"],
  );
  assertEquals(told.code, 1);
  assertStringIncludes(found[0].what, `${advertisedAddress}, where another cluster answers`);
  assertEquals(found[1].command, `runnel topic describe none --bootstrap 127.0.0.1:${kafkaPort}`);
  // Whoever needs a broker for what it looks at has one.
  const unseen = found.filter(({ severity }) => severity === "unseen").map(({ check }) => check);
  assertEquals(unseen.filter((check) => check === "groups" || check === "partitions"), []);
});

Deno.test("doctor tells of a clock only from one that answers for this cluster, and says whose another is", async () => {
  await using other = await TestBroker.start();
  await using broker = await TestBroker.start();
  const [bootstrap] = places(broker), [, http] = places(other);
  const { code, out } = await typed("doctor", WAIT, bootstrap, http);
  assertEquals(code, 0, out);
  assertStringIncludes(out, "is of another cluster; --http says where this one answers");
});

Deno.test("doctor shows the token of the configuration to --http", async () => {
  const http: Settings["http"] = { authentication: "bearer", token: "of-the-broker" };
  await using broker = await TestBroker.start({ http });
  const unknown = await typed("doctor", WAIT, ...places(broker));
  assertStringIncludes(unknown.out, "wants to know who asks");
  // In a file: the environment is that of other tests too, which run beside this one.
  await withDirectory(async (path) => {
    const file = `${path}/runnel.toml`, { authentication, token } = http!;
    const text = `[http]\nauthentication = "${authentication}"\ntoken = "${token}"\n`;
    await Deno.writeTextFile(file, text, { mode: 0o600 });
    const known = await typed("doctor", WAIT, `--config=${file}`, ...places(broker));
    assertEquals(known.out.includes("wants to know who asks"), false, known.out);
    assertEquals(known.code, 0, known.out);
  });
});

const MISUSED: [flag: string, told: string][] = [
  ["--wait=5w", "--wait 5w: needs a time"],
  ["--wait=10ms", "--wait 10ms: needs 1s to 60m"],
  ["--http=ftp://x", "--http ftp://x: needs http://HOST:PORT"],
  ["--http=x", "--http x: needs http://HOST:PORT"],
];

for (const [flag, told] of MISUSED) {
  Deno.test(`doctor refuses ${flag}`, async () => {
    const { code, error } = await typed("doctor", flag, "--bootstrap=127.0.0.1:1");
    assertEquals(code, 1);
    assertStringIncludes(error, told);
  });
}
