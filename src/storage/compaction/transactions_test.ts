/**
 * Proves what compaction keeps of transactions where random histories do not get (cleaner_test.ts has those): markers
 * beside user keys with the same bytes, segments cleaned in part, markers that lie beyond the pass, and transactions that
 * are still open, or prepared, when a pass goes over the log.
 */
import { assert, assertEquals } from "@std/assert";
import * as batch from "../../protocol/records/batch.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { buildEndTxnBatch } from "../../protocol/records/control_record.ts";
import { readRecords } from "../../protocol/records/record.ts";
import {
  BusyClock,
  compactedConfig,
  consume,
  newLog,
  reopened,
  testContext,
} from "../../testing/compaction_history.ts";
import { believing, closedForRecord } from "../../testing/recorded_log.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { readEndTxnMarker } from "../producers/end_txn_marker.ts";
import { Cleaner } from "./cleaner.ts";
import { ENTRY_BYTES } from "./map.ts";
import { CleanerPositions } from "./positions.ts";

const utf8 = new TextEncoder();

class World {
  readonly store = new MemoryStore();
  readonly clock = new BusyClock();
  readonly context = testContext(this.store, this.clock);
  readonly config = compactedConfig({ "segment.bytes": 1 << 20 });
  readonly positions = new CleanerPositions();
  log: PartitionLog = newLog(this.context, this.config);
  /** Small, it makes passes end within a segment. */
  mapEntries = 10_000;
  readonly events: Record<string, unknown>[] = [];
  readonly #sequences = new Map<number, number>();

  /** One batch of records "key=value"; "key" alone is a tombstone. */
  async write(records: readonly string[], producerId = -1): Promise<void> {
    const baseSequence = this.#sequences.get(producerId) ?? 0;
    const isTransactional = producerId >= 0;
    if (isTransactional) this.#sequences.set(producerId, baseSequence + records.length);
    const bytes = buildBatch({
      records: records.map((record) => {
        const [key, value] = record.split("=");
        const timestampMs = this.clock.nowMs();
        const header = { key: "h", value: null };
        return {
          key: bytesOf(key),
          value: value ? utf8.encode(value) : null,
          timestampMs,
          headers: [header],
        };
      }),
      ...isTransactional && { producerId, producerEpoch: 0, baseSequence, isTransactional },
    });
    await this.#append(bytes, "client");
  }

  async end(producerId: number, isCommit: boolean): Promise<void> {
    const ended = { producerId, producerEpoch: 0, isCommit, coordinatorEpoch: 0 };
    const bytes = buildEndTxnBatch({ ...ended, timestampMs: this.clock.nowMs() });
    await this.#append(bytes, "coordinator");
  }

  async #append(bytes: Uint8Array, origin: "client" | "coordinator"): Promise<void> {
    const appended = this.log.append(bytes, { origin, leaderEpoch: 0 });
    assertEquals(appended.errorCode, 0);
    await appended.durable;
  }

  roll(): void {
    this.log.roll();
  }

  /** Passes until nothing is due. */
  async clean(passes = Infinity): Promise<void> {
    await this.log.sync();
    const cleaner = new Cleaner({
      store: this.store,
      pool: this.context.pool,
      clock: this.clock,
      logs: () => [this.log],
      checkpoint: () => Promise.resolve(),
      backoffMs: 1,
      dedupeBufferBytes: ENTRY_BYTES * this.mapEntries,
      ioMaxBytesPerSecond: Infinity,
      maxDecompressedBytes: 1 << 20,
      onEvent: (event, details) => this.events.push({ event, ...details }),
      positions: this.positions,
    });
    while (passes-- > 0 && await cleaner.cleanDirtiest());
  }

  /** "key=value" of what each isolation level is given. */
  read(isolation: "committed" | "uncommitted"): string[] {
    return consume(this.log, isolation).map(({ key, value }) => `${key}=${value ?? ""}`);
  }

  /** "commit 11" and "abort 12", with their offsets. */
  markers(): string[] {
    const found: string[] = [];
    for (const segment of this.log.segments) {
      for (const [bytes] of segment.scan()) {
        const marker = readEndTxnMarker(bytes);
        if (marker === null) continue;
        const what = marker.isCommit ? "commit" : "abort";
        found.push(`${what} ${batch.producerId(bytes)} at ${batch.baseOffset(bytes)}`);
      }
    }
    return found;
  }

  /** The aborted transactions that the indexes list, as "producer: first–last". */
  listed(): string[] {
    return this.log.segments.flatMap((_, i) =>
      this.log.txnIndexOf(i).entries.map(({ producerId, firstOffset, lastOffset }) =>
        `${producerId}: ${firstOffset}–${lastOffset}`
      )
    );
  }
}

/** "\\x00\\x01" for bytes that are no text. */
function bytesOf(key: string): Uint8Array {
  return key.startsWith("#")
    ? new Uint8Array(key.slice(1).split(".").map(Number))
    : utf8.encode(key);
}

Deno.test("a user's key with a marker's bytes takes no marker away, and no marker takes it (KAFKA-14055)", async () => {
  for (const isCommit of [true, false]) {
    const world = new World();
    const key = isCommit ? "#0.0.0.1" : "#0.0.0.0"; // version 0, type 1 is a commit, 0 an abort
    await world.write(["a=1", "b=1"], 11);
    await world.end(11, isCommit);
    await world.write([`${key}=user`]);
    await world.write(["c=1"], 12);
    await world.end(12, isCommit);
    world.roll();
    await world.write(["a=2", "b=2", "c=2"]); // so that a pass has something to do
    world.roll();
    await world.clean();
    assertEquals(world.markers().length, 2);
    const records: Uint8Array[] = [];
    for (const segment of world.log.segments) {
      for (const [bytes] of segment.scan()) {
        if (batch.isControl(bytes) || batch.recordCount(bytes) === 0) continue;
        for (const { key } of readRecords(bytes)) records.push(key!);
      }
    }
    assert(records.some((found) => `#${found.join(".")}` === key), "the user's record is gone");
    assertEquals(world.log.lastStableOffset, world.log.logEndOffset);
  }
});

Deno.test("where a pass ends within a segment, what was aborted behind that stays aborted (KAFKA-13727)", async () => {
  const world = new World();
  world.mapEntries = 16; // twelve keys
  const names = Array.from({ length: 8 }, (_, i) => `k${i}`), others = [..."mnopqrst"];
  for (const name of names) await world.write([`${name}=1`, `${name}=2`]);
  await world.write(["k0=bad", "k1=bad"], 11);
  await world.write(others.map((name) => `${name}=1`)); // more than the map takes
  await world.end(11, false);
  await world.write(["u=1"]);
  world.roll();
  await world.write(["end=1"]);
  await world.clean(1);
  assertEquals(world.positions.compactedTo(world.log), 18); // behind the aborted batch, before its marker
  assertEquals(world.listed(), ["11: 16–26"]);
  assertEquals(world.markers(), ["abort 11 at 26"]);
  const expected = [...names.map((name) => `${name}=2`), ...others.map((name) => `${name}=1`)];
  expected.push("u=1", "end=1");
  assertEquals(world.read("committed"), expected);
  world.log = await reopened(world.context, world.log.logEndOffset, world.config);
  assertEquals(world.read("committed"), expected);
  await world.clean();
  assertEquals(world.read("committed"), expected);
});

Deno.test("an abort whose marker lies beyond the pass takes no older value away, though no file lists it", async () => {
  for (const isCommit of [true, false]) {
    const world = new World();
    await world.write(["a=good", "b=good"]);
    await world.write(["a=new"], 11);
    world.roll();
    await world.write(["c=1"], 12);
    await world.end(12, false);
    await world.end(11, isCommit); // in the active segment
    await world.write(["end=1"]);
    const record = await closedForRecord(world.context, world.log);
    for (const { name } of world.store.list("t-0")) {
      if (name.endsWith(".txnindex")) world.store.remove(`t-0/${name}`);
    }
    ({ log: world.log } = await believing(world.context, world.config, record));
    await world.clean();
    const a = isCommit ? ["b=good", "a=new"] : ["a=good", "b=good"];
    assertEquals(world.read("committed"), [...a, "end=1"]);
    assertEquals(world.events.map(({ event }) => event), ["log_compacted"]);
  }
});

Deno.test("what is open, or prepared and without its marker, is no pass's business, nor what lies behind it", async () => {
  const world = new World();
  await world.write(["a=1"]);
  await world.write(["a=2"]);
  world.roll();
  await world.write(["a=open"], 11);
  await world.write(["a=3"]);
  world.roll();
  await world.write(["a=4"]);
  world.roll();
  await world.clean();
  assertEquals(world.read("uncommitted"), ["a=2", "a=open", "a=3", "a=4"]);
  assertEquals(world.log.lastStableOffset, 2);
  await world.end(11, false);
  world.roll();
  await world.write(["end=1"]);
  await world.clean();
  assertEquals(world.read("committed"), ["a=4", "end=1"]);
});

Deno.test("a marker is there as long as a batch of its transaction, over many passes and both isolation levels", async () => {
  const world = new World();
  await world.write(["kept=1", "a=1"], 11);
  await world.end(11, true);
  await world.write(["b=1"], 12);
  await world.end(12, false);
  world.roll();
  for (let pass = 0; pass < 4; pass++) {
    await world.write(["a=2", `x${pass}=1`]);
    world.roll();
    await world.clean();
    world.clock.advance(20_000); // past delete.retention.ms
    assert(world.markers().includes("commit 11 at 2"), `pass ${pass}`);
    assertEquals(world.read("committed")[0], "kept=1");
  }
  const again = await reopened(world.context, 0, world.config);
  assertEquals(again.lastStableOffset, again.logEndOffset);
  assertEquals(again.producers.entries().map(({ producerId }) => producerId), [11, 12]);
});
