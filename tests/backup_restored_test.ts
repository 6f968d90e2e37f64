/** Proves that a directory made of a backup, of which nothing is wrong, is neither doubted by verify nor by its first start. */
import { assert, assertEquals } from "@std/assert";
import { configureLog } from "../src/log.ts";
import { append, fetchOne, recordsIn } from "./broker/calls.ts";
import { typed } from "./broker/command_line.ts";
import { TestBroker, withDirectory } from "./broker/harness.ts";

/** Runs `body`, and resolves with what the broker logged as warnings or worse. */
async function warningsOf(body: () => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  configureLog(
    { level: "warn", format: "text", maxClientEvents: 1000 },
    (line) => void lines.push(line),
  );
  try {
    await body();
    return lines;
  } finally {
    configureLog({ level: "error", format: "text", maxClientEvents: 10 }, () => {});
  }
}

/** Starts on the directory, reads what it has, and adds to it. */
async function used(path: string, count: number): Promise<void> {
  await using broker = await TestBroker.start({ path, flush: "fsync" });
  const connection = await broker.connect();
  const { records } = await fetchOne(connection, "t", 0);
  assertEquals(recordsIn(records).length, count);
  await append(connection, "t", ["b"]);
}

Deno.test("a restored backup is verified and started on without a doubt, and a crash behind that is judged as any", () =>
  withDirectory(async (path) => {
    const data = `${path}/data`, backup = `${path}/backup`, to = `${path}/to`;
    {
      await using broker = await TestBroker.start({ path: data, flush: "fsync" });
      await broker.createTopic("t");
      await append(await broker.connect(), "t", ["a"]);
      const flags = [`--storage-path=${data}`, `--bootstrap=127.0.0.1:${broker.port}`];
      assertEquals((await typed("backup", "create", backup, ...flags)).code, 0);
    }
    assertEquals((await typed("backup", "restore", backup, "--to", to)).code, 0);
    const verify = () => typed("storage", "verify", "--storage-path", to);
    const { code, out } = await verify();
    assertEquals([code, out.includes("not proved")], [0, false], out);
    assertEquals(await warningsOf(() => used(to, 1)), []);
    // What the run behind it leaves needs its journal as ever.
    for (const file of [".kafka_cleanshutdown", "runnel-inventory"]) {
      await Deno.remove(`${to}/${file}`);
    }
    const later = await verify();
    assert(later.out.includes("not proved"), later.out);
    const [warning] = await warningsOf(() => used(to, 2));
    assert(warning?.includes("journal_unknown"), `${warning}`);
  }));
