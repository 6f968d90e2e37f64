/**
 * Proves that a backup is of one moment, or is none, whatever else goes on beside it at any of its steps: writes to many
 * partitions in an order, on their way and acknowledged, over rolls and turns of the journal; partitions added, the metadata
 * written anew as a snapshot, a log found damaged, and the broker stopped.
 */
import { assert, assertEquals } from "@std/assert";
import { KafkaError } from "../src/client/errors.ts";
import type { Connection } from "../src/client/connection.ts";
import { type Manifest, readManifest } from "../src/backup/manifest.ts";
import { verifyBackup } from "../src/backup/restore.ts";
import { CreatePartitions } from "../src/protocol/messages/create_partitions.ts";
import { FileStore } from "../src/storage/backends/file_store.ts";
import { StoreError } from "../src/storage/store.ts";
import { append, batchOf, produce, readAll } from "./broker/calls.ts";
import { TestBroker, withDirectory } from "./broker/harness.ts";
import { atEveryStep, backUpWith, restored } from "./raced_backup.ts";

const ROLLING = { "internal.segment.bytes": "16384" };

Deno.test("what is written in an order at any step of a backup is in it up to one moment", () =>
  withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path: `${path}/data` });
    for (const name of ["a", "b", "c"]) await broker.createTopic(name, { configs: ROLLING });
    const connection = await broker.connect(), written: string[] = [];
    const write = async () => {
      const value = `${written.length} `.padEnd(1500, "x");
      written.push(value);
      for (const name of ["a", "b", "c"]) await append(connection, name, [value]);
    };
    await write();
    const steps = await atEveryStep(path, broker, async () => {
      await write();
    }, async (other, _, step) => {
      const connection = await other.connect(), counts: number[] = [];
      for (const name of ["a", "b", "c"]) {
        const values = await readAll(connection, name);
        assertEquals(values, written.slice(0, values.length), `${name} at step ${step}`);
        counts.push(values.length);
      }
      const [a, b, c] = counts;
      assert(a >= b && b >= c && c >= a - 1, `step ${step}: ${counts}`);
    });
    assert(steps >= 10, `${steps} steps`);
  }));

Deno.test("what is on its way at any step of a backup is in it as a whole batch, or not at all", () =>
  withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path: `${path}/data`, batching: {} });
    await broker.createTopic("a", { configs: ROLLING });
    const connection = await broker.connect(), sent: string[] = [];
    const flying: Promise<unknown>[] = [];
    const send = (count: number) => {
      for (let i = 0; i < count; i++) {
        const pair = [`${sent.length}`.padEnd(900), `${sent.length + 1}`.padEnd(900)];
        sent.push(...pair);
        flying.push(produce(connection, { topic: "a", records: batchOf(pair) }));
      }
    };
    send(1);
    await Promise.all(flying);
    await atEveryStep(path, broker, () => {
      send(2);
      return Promise.resolve();
    }, async (other, _, step) => {
      const values = await readAll(await other.connect(), "a");
      assertEquals(values, sent.slice(0, values.length), `step ${step}`);
      assertEquals(values.length % 2, 0, `step ${step}: a part of a batch`);
      await Promise.all(flying);
    });
  }));

/** With a broker of its own for each step; what became of the backup. */
async function eachAlone(
  act: (broker: TestBroker, data: string, connection: Connection) => Promise<void>,
  check: (restored: TestBroker, manifest: Manifest) => Promise<void> = () => Promise.resolve(),
): Promise<{ made: number; failed: number }> {
  let made = 0, failed = 0;
  for (let at = 0, isOver = false; !isOver; at++) {
    await withDirectory(async (path) => {
      const data = `${path}/data`, backup = `${path}/backup`;
      await using broker = await TestBroker.start({ path: data, metadataSnapshotBytes: 1 });
      await broker.createTopic("t", { configs: ROLLING });
      const connection = await broker.connect(), written: string[] = [];
      for (let i = 0; i < 6; i++) {
        written.push(`${i} `.padEnd(1500, "x"));
        await append(connection, "t", [written[i]]);
      }
      let hasActed = false, manifest: Manifest | null;
      try {
        manifest = await backUpWith(broker, { data, backup }, {
          at,
          act: async () => {
            hasActed = true;
            await act(broker, data, connection);
          },
          twice: false,
        });
        isOver = manifest === null;
        if (manifest === null) return;
      } catch (error) {
        const isTold = error instanceof StoreError || error instanceof KafkaError ||
          /closed|ended|connection|refused/i.test((error as Error).message);
        assert(isTold && hasActed, `step ${at}: ${(error as Error).stack}`);
        const store = new FileStore(backup);
        assertEquals(readManifest(store), null, `step ${at}`);
        store.close();
        failed++;
        return;
      }
      const store = new FileStore(backup);
      assertEquals(verifyBackup(store), [], `step ${at}`);
      store.close();
      await using other = await restored(backup, `${path}/restored`);
      assertEquals(await readAll(await other.connect(), "t"), written, `step ${at}`);
      await check(other, manifest);
      made++;
    });
  }
  return { made, failed };
}

Deno.test("a broker that is stopped at any step of a backup leaves a whole one, or none", async () => {
  const { made, failed } = await eachAlone(async (broker) => {
    await broker[Symbol.asyncDispose]();
  });
  assert(made > 0 && failed > 0, `${made} made, ${failed} failed`);
});

Deno.test("a log damaged at any step of a backup fails it, or is in it as it was", async () => {
  const { made, failed } = await eachAlone(async (_, data, connection) => {
    const file = `${data}/t-0/00000000000000000000.log`, bytes = Deno.readFileSync(file);
    bytes[1700] ^= 1;
    const open = Deno.openSync(file, { write: true }); // in place, as a device forgets
    open.writeSync(bytes);
    open.close();
    await readAll(connection, "t").catch(() => {}); // which finds it
  });
  assert(made > 0 && failed > 0, `${made} made, ${failed} failed`);
});

Deno.test("partitions added and metadata written anew at any step of a backup are in it whole", async () => {
  const { made } = await eachAlone(async (broker, _, connection) => {
    const topics = [{ name: "t", count: 3, assignments: null }];
    await connection.request(CreatePartitions, 3, { topics, timeoutMs: 5000, validateOnly: false });
    for (const partition of [1, 2]) await append(connection, "t", [`${partition}`], { partition });
    await broker.createTopic("more"); // a snapshot after each commit
  }, async (other, { partitions }) => {
    const connection = await other.connect();
    for (const { topic, partition, endOffset } of partitions) {
      if (topic === "t" && partition === 0) continue;
      const values = await readAll(connection, topic, partition);
      assertEquals(values, endOffset === 0 ? [] : [`${partition}`], `${topic}-${partition}`);
    }
  });
  assert(made >= 10, `${made} made`);
});
