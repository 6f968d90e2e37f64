/**
 * Whether a journal that calls itself exact is: whatever could not be written, came late, was put by or was removed, of every
 * log it says how far acknowledgements have come, or that it cannot say.
 */
import { assert, assertEquals } from "@std/assert";
import { randomUuid } from "../../bytes/uuid.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import * as batch from "../../protocol/records/batch.ts";
import { FaultyStore } from "../../testing/faulty_store.ts";
import {
  consumed,
  largeValue,
  send,
  sendKeyed,
  StorageWorld,
  wantedLog,
  type WorldOptions,
} from "../../testing/storage_world.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import type { WantedLog } from "../opening.ts";
import { type InPlaceBlob, type Store, StoreError } from "../store.ts";
import { GroupCommit, type Syncable } from "./group_commit.ts";
import { Journal } from "./journal.ts";
import { readJournal } from "./journal_entries.ts";
import { maxEntryBytes, writeEntry } from "./journal_entry.ts";

const FIRST = "t-0/00000000000000000000.log";

function opened(disk: Store, wanted: WantedLog[], options: WorldOptions = {}) {
  const store = disk instanceof FaultyStore ? disk : new FaultyStore(disk);
  return StorageWorld.open(store, wanted, options);
}

/** What a start serves of a log; null when it is offline. */
async function served(disk: Store, wanted: WantedLog[], one = wanted[0]) {
  const world = await opened(disk, wanted), log = world.logs.get(one.topicId, one.partition);
  const values = log === undefined || log.offline !== null
    ? null
    : [...(await consumed(log)).values()].map((value) => value.slice(0, 12).trim());
  world.abandon();
  return values;
}

async function flip(disk: Store, path: string, at: number) {
  const b = disk.readAll(path)!.slice();
  b[at] ^= 1;
  await disk.replace(path, b);
}

function reachOf(store: Store, folder: string) {
  const { entries, unknown } = readJournal(store);
  const ends = entries.filter((entry) => entry.folder === folder)
    .map(({ position, payload }) => position + payload.length);
  return { unknown, reach: Math.max(-1, ...ends) };
}

const fail = (error: unknown) => {
  throw error;
};

/** A disk on which a file finds no room. */
class NoRoomFor extends FaultyStore {
  isFull = true;
  readonly #path: string;
  readonly #from: number;

  constructor(disk: Store, path: string, from = 0) {
    super(disk);
    this.#path = path;
    this.#from = from;
  }

  override openInPlace(path: string): InPlaceBlob {
    const blob = super.openInPlace(path), write = blob.write.bind(blob);
    blob.write = (position, bytes) => {
      if (this.isFull && path === this.#path && position >= this.#from) {
        throw new StoreError(`no space for ${path}`, "noSpace");
      }
      write(position, bytes);
    };
    return blob;
  }
}

Deno.test("where the second file finds no room the first one's head says that not all is in it", async () => {
  const wanted = [wantedLog(randomUuid(), { topic: "t" })], disk = new MemoryStore();
  const world = await opened(new NoRoomFor(disk, "runnel-journal-1"), wanted, {
    journalBytes: 64 << 10,
  });
  const log = world.logs.get(wanted[0].topicId, 0)!;
  for (let i = 0; i < 100; i++) await send(log, [largeValue(`v${i}`, 1000)]).durable;
  const { unknown, reach } = reachOf(disk, "t-0");
  assert(unknown !== null || reach >= log.size);
  world.abandon();
  await flip(disk, FIRST, reach + 200);
  assertEquals(await served(disk, wanted), null); // acknowledged: offline, with its bytes
});

class Log implements Syncable {
  readonly isClosed = false;
  readonly isGone = false;
  readonly topicId = randomUuid();
  readonly #queue: { from: number; to: number }[] = [];
  gate: Promise<void> = Promise.resolve();

  constructor(readonly folder: string) {}

  wrote(commit: GroupCommit, from: number, to: number) {
    this.#queue.push({ from, to });
    commit.written(this, to - from);
  }

  async sync() {
    await this.gate;
  }

  async syncSealed() {}

  takeStretches() {
    const { topicId, folder } = this;
    return this.#queue.splice(0).map(({ from, to }) => ({
      topicId,
      folder,
      segmentBase: 0,
      position: from,
      bytes: to - from,
      read: (into: Uint8Array) => void into.fill(7),
      durable: () => {},
    }));
  }
}

Deno.test("a mark that comes after a later round's entry does not take a log's reach back", async () => {
  const store = new MemoryStore();
  const journal = Journal.open({ store, fileBytes: 8 << 20, run: 1, onFailure: fail });
  await journal.begin();
  const commit = new GroupCommit({ policy: "fsync", intervalMs: 0, journal, onFailure: fail });
  const one = new Log("a-0"), other = new Log("b-0"), gate = Promise.withResolvers<void>();
  one.gate = gate.promise;
  one.wrote(commit, 0, 300_000); // too much for the journal: synced itself
  await turn();
  one.wrote(commit, 300_000, 400_000); // in the round beside it
  await turn();
  gate.resolve();
  await commit.drain();
  for (let i = 0; i < 60; i++) { // until the journal has turned
    other.wrote(commit, i * 250_000, (i + 1) * 250_000);
    await commit.drain();
  }
  assertEquals(reachOf(store, "a-0"), { unknown: null, reach: 400_000 });
  journal.close();
});

Deno.test("of two marks that found no room the one that reaches further is written later", async () => {
  const disk = new MemoryStore(), store = new NoRoomFor(disk, "runnel-journal-0", 1);
  store.isFull = false;
  const journal = Journal.open({ store, fileBytes: 1 << 20, run: 1, onFailure: fail });
  await journal.begin();
  const stretch = { topicId: randomUuid(), segmentBase: 0, position: 0, durable: () => {} };
  const of = (folder: string, bytes: number) => ({
    ...stretch,
    folder,
    bytes,
    read: (into: Uint8Array) => void into.fill(1),
  });
  const log = new Log("a-0");
  store.isFull = true;
  await journal.mark([{ log, stretch: of("a-0", 200) }]);
  await journal.mark([{ log, stretch: of("a-0", 100) }]);
  store.isFull = false;
  await journal.append([{ log: new Log("b-0"), stretch: of("b-0", 10) }]);
  assertEquals(reachOf(disk, "a-0"), { unknown: null, reach: 200 });
  journal.close();
});

Deno.test("what a log had acknowledged before it was retired outlives the journal's turns, each put by once", async () => {
  const wanted = ["t", "u"].map((topic) => wantedLog(randomUuid(), { topic }));
  const store = new FaultyStore(new MemoryStore());
  const world = await opened(store, wanted, { journalBytes: 64 << 10 });
  const [log, other] = wanted.map(({ topicId }) => world.logs.get(topicId, 0)!);
  for (let i = 0; i < 10; i++) await send(log, [`v${i}`]).durable;
  log.retire("its files cannot be relied on");
  for (let i = 0; i < 400; i++) await send(other, [largeValue(`o${i}`, 1000)]).durable;
  const files = store.list("").filter(({ name }) => name.startsWith("runnel-journal-"));
  assertEquals(files.length, 3);
  const left = await store.crash({ unsynced: "lost", names: "kept" });
  world.abandon();
  const values = await served(left, wanted);
  assert(values === null || values.length >= 10, `served: ${values}`);
});

Deno.test("so does what was acknowledged of a log whose compaction could not rename", async () => {
  const compacted = { "cleanup.policy": ["compact" as const], "min.cleanable.dirty.ratio": 0 };
  const wanted = [
    wantedLog(randomUuid(), { topic: "t" }, compacted),
    wantedLog(randomUuid(), { topic: "u" }),
  ];
  const store = new FaultyStore(new MemoryStore());
  const world = await opened(store, wanted, { journalBytes: 64 << 10 });
  const [log, other] = wanted.map(({ topicId }) => world.logs.get(topicId, 0)!);
  for (let i = 0; i < 10; i++) await sendKeyed(log, [[`k${i % 3}`, `v${i}`]]).durable;
  log.roll();
  await log.sync();
  for (let i = 0; i < 5; i++) await sendKeyed(log, [[`active${i}`, `a${i}`]]).durable;
  store.fail({ on: "rename", pathEndsWith: ".log.swap", kind: "io" });
  await world.clean().catch(() => {});
  for (let i = 0; i < 400; i++) await send(other, [largeValue(`o${i}`, 1000)]).durable;
  await world.logs.checkpoint();
  const left = await store.crash({ unsynced: "lost", names: "kept" });
  world.abandon();
  const values = await served(left, wanted);
  assert(values === null || values.includes("a4"), `served: ${values}`);
});

Deno.test("the files of earlier runs that a start needs are missed when they go", async () => {
  const wanted = [wantedLog(randomUuid(), { topic: "t" })];
  const store = new FaultyStore(new MemoryStore());
  const world = await opened(store, wanted), log = world.logs.get(wanted[0].topicId, 0)!;
  for (const name of ["a", "b", "c"]) await send(log, [largeValue(name, 300_000)]).durable;
  const { size } = log;
  const disk = await store.crash({ unsynced: "lost", names: "kept" });
  world.abandon();
  await flip(disk, FIRST, 1000);
  assertEquals(await served(disk, wanted), null);
  disk.remove("runnel-journal-rest");
  assert(readJournal(disk).unknown?.includes("runnel-journal-rest is missing"));
  assertEquals(await served(disk, wanted), null);
  assertEquals(disk.readAll(FIRST)!.length, size);
});

Deno.test("a head that says so already is not written again, and one that could say more ends nothing", async () => {
  const store = await journaledOnce();
  const left = readJournal(store);
  const full = new NoRoomFor(store, "runnel-journal-2");
  full.isFull = false;
  const journal = Journal.open({ store: full, fileBytes: 1 << 20, run: 2, onFailure: fail }, left);
  await journal.begin();
  full.isFull = true;
  await journal.settle(); // the files of the run before stay named, which does no harm
  assertEquals(readJournal(store).unknown, null);
  full.isFull = false;
  await journal.settle();
  const syncs = full.calls.get("sync");
  await journal.settle();
  await journal.relyOn([]);
  assertEquals(full.calls.get("sync"), syncs);
  journal.close();
});

/** What a run left that journaled one entry. */
async function journaledOnce(): Promise<MemoryStore> {
  const store = new MemoryStore();
  const journal = Journal.open({ store, fileBytes: 1 << 20, run: 1, onFailure: fail });
  await journal.begin();
  const read = (into: Uint8Array) => void into.fill(1), durable = () => {};
  const stretch = {
    topicId: randomUuid(),
    folder: "a-0",
    segmentBase: 0,
    position: 0,
    bytes: 9,
    read,
    durable,
  };
  await journal.append([{ log: new Log("a-0"), stretch }]);
  journal.close();
  return store;
}

for (const harm of ["torn by a crash", "one bit flipped"] as const) {
  Deno.test(`what looks like an entry inside a record is nobody's: ${harm}`, async () => {
    const wanted = ["victim", "mine"].map((topic) => wantedLog(randomUuid(), { topic }));
    const store = new FaultyStore(new MemoryStore()), world = await opened(store, wanted);
    const [victim, mine] = wanted.map(({ topicId }) => world.logs.get(topicId, 0)!);
    for (let i = 0; i < 3; i++) await send(victim, [`v${i}`]).durable;
    await mine.append(forgery(wanted[0], victim), { origin: "client", leaderEpoch: 0 }).durable;
    const isFlipped = harm === "one bit flipped";
    for (let i = 3; isFlipped && i < 6; i++) await send(victim, [`v${i}`]).durable;
    const disk = await store.crash({ unsynced: isFlipped ? "lost" : "kept", names: "kept" });
    world.abandon();
    const { payload } = readJournal(disk).entries.find(({ folder }) => folder === "mine-0")!;
    const end = payload.byteOffset + payload.length;
    if (isFlipped) await flip(disk, "runnel-journal-0", end - 100);
    else {
      const b = disk.readAll("runnel-journal-0")!.slice().fill(0, end - 500);
      await disk.replace("runnel-journal-0", b);
    }
    const values = ["v0", "v1", "v2", "v3", "v4", "v5"].slice(0, isFlipped ? 6 : 3);
    assertEquals(await served(disk, wanted), values);
  });
}

/** A batch with a whole entry for another log in it, made from what anybody may know of that: id, end and size. */
function forgery({ topicId }: WantedLog, victim: { logEndOffset: number; size: number }) {
  const timestampMs = 1_700_000_000_000;
  const forged = buildBatch({
    records: [{ timestampMs, value: new TextEncoder().encode("FORGED") }],
  });
  batch.assign(forged, 0, victim.logEndOffset, 0);
  const b = new Uint8Array(maxEntryBytes("victim-0", forged.length));
  const end = writeEntry(b, 0, {
    topicId,
    folder: "victim-0",
    segmentBase: 0,
    position: victim.size,
    bytes: forged.length,
    read: (into) => into.set(forged),
  }, { sequence: 1_000_000, durableTo: 1_000_000, secret: 12345 });
  return buildBatch({
    records: [
      { timestampMs, value: b.subarray(0, end) },
      { timestampMs, value: new Uint8Array(1000).fill(9) },
    ],
  });
}

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 5));
