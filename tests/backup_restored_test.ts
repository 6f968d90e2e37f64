/** Proves that a directory made of a backup, of which nothing is wrong, is neither doubted by verify nor by its first start. */
import { assert, assertEquals } from "@std/assert";
import { Admin } from "../src/client/admin.ts";
import { Cluster } from "../src/client/cluster.ts";
import { TransactionalProducer } from "../src/client/transactional_producer.ts";
import { configureLog } from "../src/log.ts";
import { append, fetchServed, recordsIn } from "./broker/calls.ts";
import { typed } from "./broker/command_line.ts";
import { recordsOf } from "./broker/copies.ts";
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

/** What else a broker has: a log that begins above 0, a compacted one with gaps, offsets of a group, transactions. */
async function filled(port: number): Promise<void> {
  const cluster = new Cluster({ bootstrap: `127.0.0.1:${port}` }), admin = new Admin(cluster);
  await admin.createTopics([
    { name: "cut", partitions: 1 },
    {
      name: "table",
      partitions: 1,
      configs: { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "segment.ms": "1" },
    },
  ]);
  {
    await using producer = new TransactionalProducer(cluster, { transactionalId: "x" });
    await producer.init();
    for (let n = 0; n < 10; n++) {
      producer.begin();
      for (const topic of ["cut", "table"]) {
        producer.send({ topic, key: `${n % 2}`, value: `${n}` });
      }
      await producer.sendOffsets("g", [{ topic: "cut", partition: 0, offset: n }]);
      if (n % 3 === 2) await producer.abort();
      else await producer.commit();
    }
  }
  await admin.deleteRecords({ topic: "cut", partition: 0, offset: 7 });
  for (let tries = 0; (await keptOf(cluster)) > 8; tries++) { // until it was compacted
    assert(tries < 200, "the table is not compacted");
    await cluster.pause(50);
  }
  cluster.close();
}

/** How many records are in the table's log. */
async function keptOf(cluster: Cluster): Promise<number> {
  return (await recordsOf(cluster, "table")).length;
}

/** Starts on the directory, reads what it has, and adds to it. */
async function used(path: string, count: number): Promise<void> {
  await using broker = await TestBroker.start({ path, flush: "fsync" });
  const connection = await broker.connect();
  const { records } = await fetchServed(connection, "t", 0);
  assertEquals(recordsIn(records).length, count);
  await append(connection, "t", ["b"]);
}

Deno.test("a restored backup is verified and started on without a doubt, and a crash behind that is judged as any", () =>
  withDirectory(async (path) => {
    const data = `${path}/data`, backup = `${path}/backup`, to = `${path}/to`;
    {
      await using broker = await TestBroker.start({
        path: data,
        flush: "fsync",
        compaction: { backoffMs: 50 },
      });
      await broker.createTopic("t");
      await append(await broker.connect(), "t", ["a"]);
      await filled(broker.port);
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
