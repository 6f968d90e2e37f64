/**
 * Proves that a backup taken while transactions run is of one moment for them too: the restored broker ends what was open
 * or prepared, every transaction is whole or not there in all its partitions, what was committed before the backup is
 * there, and nothing hangs.
 */
import { assert, assertEquals } from "@std/assert";
import { createBackup } from "../src/backup/create.ts";
import { restoreBackup, verifyBackup } from "../src/backup/restore.ts";
import { SourceDirectory } from "../src/backup/source_directory.ts";
import { typed } from "./broker/command_line.ts";
import type { Connection } from "../src/client/connection.ts";
import * as batch from "../src/protocol/records/batch.ts";
import { FileStore } from "../src/storage/backends/file_store.ts";
import { fetchOne, listOffset, recordsIn } from "./broker/calls.ts";
import { pause, TestBroker, withDirectory } from "./broker/harness.ts";
import { TransactionClient } from "./broker/transactions.ts";

const LATEST = -1, UNCOMMITTED = 0, COMMITTED = 1;
const PARTITIONS = [0, 1];

async function backUp(broker: TestBroker, data: string, to: string): Promise<void> {
  const store = new FileStore(to);
  try {
    await createBackup(await broker.connect(), new SourceDirectory(data), store);
  } finally {
    store.close();
  }
}

async function restore(from: string, to: string): Promise<void> {
  const store = new FileStore(from);
  try {
    assertEquals(verifyBackup(store), []);
    await restoreBackup(store, to, (path) => new FileStore(path));
  } finally {
    store.close();
  }
}

/** What a read_committed consumer is given of a partition. */
async function committed(connection: Connection, partition: number): Promise<string[]> {
  const values: string[] = [];
  for (let from = 0;;) {
    const answer = await fetchOne(connection, "t", from, { partition, isolationLevel: COMMITTED });
    assertEquals(answer.errorCode, 0);
    const bytes = answer.records ?? new Uint8Array(0);
    if (bytes.length === 0) return values;
    const aborted = [...answer.abortedTransactions ?? []].sort((a, b) =>
      b.firstOffset - a.firstOffset
    );
    const skipped = new Set<number>();
    for (const at of batch.batches(bytes)) {
      const one = bytes.subarray(at, at + batch.sizeInBytes(bytes, at));
      const producerId = batch.producerId(one), last = batch.lastOffset(one);
      while (aborted.length > 0 && aborted.at(-1)!.firstOffset <= last) {
        skipped.add(aborted.pop()!.producerId);
      }
      if (batch.isControl(one)) skipped.delete(producerId);
      else if (!skipped.has(producerId)) {
        values.push(...recordsIn(one).map(({ value }) => new TextDecoder().decode(value!)));
      }
      from = last + 1;
    }
  }
}

/** Waits until nothing is undecided; the high watermark and the last stable offset of each partition then. */
async function settled(broker: TestBroker): Promise<void> {
  const connection = await broker.connect();
  const ends = async (isolationLevel: number) =>
    await Promise.all(
      PARTITIONS.map(async (partition) =>
        (await listOffset(connection, "t", LATEST, { partition, isolationLevel })).offset
      ),
    );
  for (let i = 0; i < 200; i++) {
    const [all, stable] = [await ends(UNCOMMITTED), await ends(COMMITTED)];
    if (all.every((end, partition) => end > 0 && end === stable[partition])) return;
    await pause(50);
  }
  throw new Error("A transaction hangs: the last stable offset does not reach the end");
}

Deno.test("of a backup taken while transactions run each is whole or not there, and none hangs", () =>
  withDirectory((root) =>
    withDirectory(async (data) => {
      const told: string[] = [], begun = new Set<string>(), aborted = new Set<string>();
      const known: string[][] = [];
      {
        await using broker = await TestBroker.start({ path: data });
        await broker.createTopic("t", { partitions: 2 });
        let isOver = false;
        const work = ["a", "b", "c"].map(async (id) => {
          const client = new TransactionClient(await broker.connect(), id, 3000);
          await client.init();
          for (let n = 0; !isOver; n++) {
            const value = `${id}${n}`;
            begun.add(value);
            for (const partition of PARTITIONS) await client.send("t", partition, [value, value]);
            const isCommit = n % 3 !== 2;
            if (!isCommit) aborted.add(value);
            await client.end(isCommit);
            if (isCommit) told.push(value);
          }
        });
        const open = new TransactionClient(await broker.connect(), "open", 3000);
        await open.init();
        await open.send("t", 0, ["open"]);
        aborted.add("open");
        for (let i = 0; i < 3; i++) {
          for (const more = told.length + 10; told.length < more;) await pause(20);
          known.push([...told]);
          await backUp(broker, data, `${root}/backup-${i}`);
        }
        isOver = true;
        await Promise.all(work);
      }
      for (const [i, before] of known.entries()) {
        const path = `${root}/restored-${i}`;
        await restore(`${root}/backup-${i}`, path);
        const { code, out } = await typed("storage", "verify", path);
        assertEquals(code, 0, out);
        assert(!/^hanging/m.test(out), out);
        await using broker = await TestBroker.start({
          path,
          transactions: { abortTimedOutIntervalMs: 100 },
        });
        await settled(broker);
        const connection = await broker.connect();
        const [first, second] = await Promise.all(
          PARTITIONS.map((partition) => committed(connection, partition)),
        );
        assertEquals(first.toSorted(), second.toSorted(), "a transaction is there in part");
        const counts = Map.groupBy(first, (value) => value);
        for (const [value, copies] of counts) {
          assertEquals(copies.length, 2, `${value} is there in part`);
          assert(begun.has(value) && !aborted.has(value), `${value} was not committed`);
        }
        for (const value of before) {
          assert(counts.has(value), `${value} was committed, and is lost`);
        }
      }
    })
  ));
