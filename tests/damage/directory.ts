/**
 * The directory that is damaged, made by brokers: once stopped cleanly, once copied beside one that rests (contents.ts).
 */
import { crc32c } from "../../src/bytes/crc32c.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import { buildEndTxnBatch } from "../../src/protocol/records/control_record.ts";
import { batchOf } from "../broker/calls.ts";
import { pause, type Settings, TestBroker, utf8 } from "../broker/harness.ts";
import { settings, type Variant } from "./contents.ts";
import { History } from "./history.ts";
import { readTree, type Tree, writeTree } from "./tree.ts";

/** Builds both variants in an empty directory, which is used up. */
export async function buildVariants(path: string): Promise<Variant[]> {
  const first = `${path}/first`, second = `${path}/second`;
  const history = new History();
  await running(
    settings(first, { metadataSnapshotBytes: 2000 }),
    (broker) => history.begin(broker),
  );
  for (const [name, bytes] of writtenByOthers) await addTo(`${first}/${name}`, bytes);
  for (const { name } of [...Deno.readDirSync(first)]) {
    // An unclean stop of a broker that had not taken notes yet.
    if (/cleanshutdown|inventory|^recovery-point/.test(name)) await Deno.remove(`${first}/${name}`);
  }
  let killed: Tree = new Map();
  const cleaning = {
    ...settings(first),
    compaction: { backoffMs: 20, dedupeBufferBytes: 1 << 16 },
  };
  await running(cleaning, async (broker) => {
    await history.goOn(broker);
    await history.compacted(broker);
    killed = await treeAtRest(first);
  });
  await Deno.mkdir(second);
  writeTree(second, killed);
  await running(settings(second), (broker) => history.goOn(broker));
  await running(settings(second), (broker) => history.end(broker));
  const clean = history.variant("after a clean stop", readTree(second));
  await running(settings(second), async (broker) => {
    await history.goOn(broker);
    killed = await treeAtRest(second);
  });
  return [clean, history.variant("after kill -9", killed)];
}

async function running(
  settings: Settings,
  body: (broker: TestBroker) => Promise<void>,
): Promise<void> {
  await using broker = await TestBroker.start(settings);
  await body(broker);
}

/** The directory beside a broker that has acknowledged everything, once nothing changes any more. */
async function treeAtRest(path: string): Promise<Tree> {
  for (let before = readTree(path);;) {
    await pause(100);
    const now = readTree(path);
    if (describe(now) === describe(before)) return now;
    before = now;
  }
}

const describe = (tree: Tree): string =>
  [...tree].map(([at, bytes]) => `${at} ${bytes && crc32c(bytes)}`).sort().join("\n");

/** Transactions as a coordinator would have left them: aborted, committed, and one that is open. */
const writtenByOthers: [partition: string, batches: Uint8Array[]][] = [["written-1", [
  transactional(900_001, ["aborted 1", "aborted 2"]),
  batchOf(["outside"]),
  transactional(900_002, ["committed"]),
  ended(900_001, false),
  ended(900_002, true),
  batchOf(["outside too"]),
  transactional(900_003, ["open"]),
  batchOf(["behind the open one"]),
]]];

function transactional(producerId: number, values: readonly string[]): Uint8Array {
  const records = values.map((value) => ({ timestampMs: Date.now(), value: utf8(value) }));
  const producer = { producerId, producerEpoch: 0, baseSequence: 0 };
  return buildBatch({ records, ...producer, isTransactional: true });
}

function ended(producerId: number, isCommit: boolean): Uint8Array {
  const marker = { coordinatorEpoch: 0, producerId, producerEpoch: 0, timestampMs: Date.now() };
  return buildEndTxnBatch({ isCommit, ...marker });
}

/** Appends batches to a partition's only segment. */
async function addTo(folder: string, batches: readonly Uint8Array[]): Promise<void> {
  const file = `${folder}/${"0".repeat(20)}.log`;
  let offset = 0;
  for (const each of batches) {
    const bytes = each.slice();
    batch.assign(bytes, 0, offset, 0);
    offset = batch.lastOffset(bytes) + 1;
    await Deno.writeFile(file, bytes, { append: true });
  }
}
