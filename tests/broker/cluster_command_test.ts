/** Proves what `runnel cluster` shows of a running broker. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { append } from "./calls.ts";
import { jsonLines, typed } from "./command_line.ts";
import { TestBroker, withDirectory } from "./harness.ts";

Deno.test("cluster shows who is in it, what is led and stored, and at which levels", async () => {
  await withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path });
    await broker.createTopic("t", { partitions: 3 });
    await append(await broker.connect(), "t", ["a", "b"], { partition: 0 });
    const at = `--bootstrap=127.0.0.1:${broker.port}`;
    const { code, out, error } = await typed("cluster", at);
    assertEquals([code, error], [0, ""]);
    assertMatch(
      out,
      /^Cluster [\w-]{22}, controller broker 0\n1 topic, 3 partitions, [1-9]\d* bytes\n/,
    );
    assertMatch(
      out,
      new RegExp(
        `\n *0 +127\\.0\\.0\\.1:${broker.port} +- +3 +3 +[1-9]\\d* +[1-9]\\d* +-\n`,
      ),
    );
    assertMatch(out, /\nmetadata\.version +\d+ +\d+-\d+\n/);
    assertEquals(out.includes("ApiVersions"), false);
    const told = await typed("cluster", "--apis", at);
    assertMatch(told.out, /\n *18 +ApiVersions +0-\d+\n/);
    const [found] = jsonLines(await typed("cluster", "--json", "--apis", at));
    const [{ id, leads, dirs, apis, features }] = found.brokers;
    assertEquals([id, leads, found.partitions, found.controller], [0, 3, 3, 0]);
    assertEquals([dirs.length, dirs[0].replicas, dirs[0].bytes], [1, 3, found.bytes]);
    // Runnel says what is free, not how large the disk is.
    assertEquals([found.bytes > 0, dirs[0].usableBytes > 0, dirs[0].totalBytes], [
      true,
      true,
      null,
    ]);
    assertEquals(apis.find(({ key }: { key: number }) => key === 18).name, "ApiVersions");
    assertEquals(features.some(({ name }: { name: string }) => name === "metadata.version"), true);
  });
});

Deno.test("cluster takes no action, and says where nobody answers", async () => {
  const { code, error } = await typed("cluster", "list");
  assertEquals(code, 1);
  assertStringIncludes(error, "too many arguments");
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const away = await typed("cluster", `--bootstrap=127.0.0.1:${port}`);
  assertEquals([away.code, away.out], [1, ""]);
  assertStringIncludes(away.error, "is a broker running there?");
});
