// Proves that damage in a journal file is told from a torn end, and that a journal of which anything is missing does not
// count as one that says all.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { crc32c } from "../../bytes/crc32c.ts";
import { randomUuid, writeUuid } from "../../bytes/uuid.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { StoreError } from "../store.ts";
import { Journal } from "./journal.ts";
import { readChain } from "./journal_chain.ts";
import { HEADER_BYTES } from "./journal_entry.ts";
import { HEAD_PAYLOAD_BYTES } from "./journal_head.ts";
import { dropJournal, journalFiles, readJournal } from "./journal_entries.ts";

const ONE = "runnel-journal-0", OTHER = "runnel-journal-1", FILE_BYTES = 4096, PAYLOAD = 200;
const ENTRY = HEADER_BYTES + "t-0".length + PAYLOAD;
const HEAD = HEADER_BYTES + "begin".length + HEAD_PAYLOAD_BYTES;

/** A journal of so many rounds of one entry each. */
async function journalOf(rounds: number, run = 7, last?: MemoryStore, empty = new MemoryStore()) {
  const store = last ?? empty, left = readJournal(store, last && run - 1);
  const onFailure = (error: unknown) => {
    throw error;
  };
  const journal = Journal.open({ store, fileBytes: FILE_BYTES, run, onFailure }, left);
  await journal.begin();
  const log = { sync: () => Promise.resolve(), isClosed: false, isGone: false };
  for (let i = 0; i < rounds; i++) {
    const stretch = {
      topicId: TOPIC_ID,
      folder: "t-0",
      segmentBase: 0,
      position: i * PAYLOAD,
      bytes: PAYLOAD,
      read: (into: Uint8Array) => into.fill(i + 1),
    };
    assert(await journal.append([{ log, stretch }]));
  }
  journal.close();
  return store;
}
const TOPIC_ID = randomUuid();

async function change(store: MemoryStore, name: string, how: (bytes: Uint8Array) => Uint8Array) {
  await store.replace(name, how(store.readAll(name)!.slice()));
}

const flipped = (at: number) => (bytes: Uint8Array) => (bytes[at] ^= 1, bytes);

function positions(store: MemoryStore): number[] {
  return readJournal(store).entries.filter(({ payload }) => payload.length > 0)
    .map(({ position }) => position / PAYLOAD);
}

Deno.test("whatever byte of an entry is bad, those behind it are used, and the place is told", async () => {
  for (const inside of [0, 4, 9, 20, 40, 48, 50, 52, 54, HEADER_BYTES, HEADER_BYTES + 100]) {
    const store = await journalOf(6);
    await change(store, ONE, flipped(HEAD + ENTRY + inside));
    assertEquals(positions(store), [0, 2, 3, 4, 5], `byte ${inside}`);
    const { damaged, unknown } = readJournal(store);
    assertEquals(damaged, [{ name: ONE, position: HEAD + ENTRY }]);
    assertEquals(unknown, `${ONE} is damaged at position ${HEAD + ENTRY}`);
  }
});

Deno.test("what Runnel 0.1 left is read: entries of 56 bytes before the name, without head or secret", async () => {
  const payload = new Uint8Array(10).fill(7), name = new TextEncoder().encode("t-0");
  const b = new Uint8Array(1000), bytes = 56 + name.length + payload.length;
  for (const [i, at] of [0, bytes].entries()) {
    const view = new DataView(b.buffer, at);
    view.setInt32(0, 0x524e4a31);
    view.setBigInt64(8, BigInt(5 + i));
    writeUuid(b, at + 16, TOPIC_ID);
    view.setBigInt64(40, BigInt(i * 10));
    view.setInt32(48, payload.length);
    view.setInt16(52, name.length);
    b.set(name, at + 56);
    b.set(payload, at + 56 + name.length);
    view.setUint32(4, crc32c(b, at + 8, at + bytes));
  }
  const store = new MemoryStore();
  await store.replace(ONE, b);
  const { entries, lastSequence, unknown, damaged } = readJournal(store, 3);
  assertEquals(
    entries.map(({ sequence, folder, position, payload }) => ({
      sequence,
      folder,
      position,
      payload,
    })),
    [
      { sequence: 5, folder: "t-0", position: 0, payload },
      { sequence: 6, folder: "t-0", position: 10, payload },
    ],
  );
  assertEquals([lastSequence, damaged], [6, []]);
  assertMatch(unknown!, /no journal file begins with the head/);
});

Deno.test("a bad head is damage, and its entries are used", async () => {
  const store = await journalOf(3);
  await change(store, ONE, flipped(5));
  assertEquals(positions(store), [0, 1, 2]);
  assertEquals(readJournal(store).damaged, [{ name: ONE, position: 0 }]);
  assertMatch(readJournal(store).unknown!, /no journal file begins with the head .* broker epoch/);
});

Deno.test("what a power loss tore of rounds that nothing came after is an end", async () => {
  const store = await journalOf(6);
  await change(store, ONE, flipped(HEAD + 5 * ENTRY + 100));
  assertEquals(positions(store), [0, 1, 2, 3, 4]);
  assertEquals([readJournal(store).damaged, readJournal(store).unknown], [[], null]);
  // A second round was under way beside it: it does not say that the first was on the device.
  const bytes = store.readAll(ONE)!, whole = (await journalOf(7)).readAll(ONE)!;
  assertEquals(readChain(bytes).lastSequence, readChain(whole).lastSequence! - 2);
});

Deno.test("a file full of what looks like entries takes no more time than its size", () => {
  const bytes = new Uint8Array(8 << 20), view = new DataView(bytes.buffer);
  for (let at = 0; at + HEADER_BYTES <= bytes.length; at += HEADER_BYTES) {
    view.setInt32(at, 0x524e4a31);
    view.setInt32(at + 8, 1);
    view.setInt32(at + 48, Math.max(0, bytes.length - at - HEADER_BYTES));
  }
  const began = performance.now();
  assertEquals(readChain(bytes).damagedAt, 0);
  assert(performance.now() - began < 2000);
});

Deno.test("a journal says all after any number of rounds, turns and runs, and when it is empty", async () => {
  for (let rounds = 0; rounds < 70; rounds++) {
    assertEquals(readJournal(await journalOf(rounds), 7).unknown, null, `${rounds} rounds`);
  }
  const store = await journalOf(3, 8, await journalOf(40));
  assertEquals(readJournal(store, 8).unknown, null);
});

Deno.test("a journal of which anything is missing does not say all", async () => {
  for (const rounds of [0, 3, 15, 30, 45]) {
    const old = await journalOf(rounds, 6), before = await journalOf(Math.max(1, rounds - 12));
    const newest = rounds === 15 || rounds === 45 ? OTHER : ONE;
    const wrongs: Record<string, (store: MemoryStore) => unknown> = {
      "removed": (store) => [ONE, OTHER].forEach((name) => store.remove(name)),
      "newest removed": (store) => store.remove(newest),
      "newest empty": (store) => change(store, newest, () => new Uint8Array(0)),
      "newest zeros": (store) => change(store, newest, (bytes) => bytes.fill(0)),
      "newest cut": (store) => change(store, newest, (bytes) => bytes.subarray(0, HEAD + 10)),
      "of another run": (store) =>
        [ONE, OTHER].forEach((name) => change(store, name, () => old.readAll(name)!)),
      ...rounds > 15 && {
        "older removed": (store) => store.remove(newest === ONE ? OTHER : ONE),
        "newest as it was before": (store) => change(store, newest, () => before.readAll(newest)!),
      },
    };
    for (const [what, wrong] of Object.entries(wrongs)) {
      const store = await journalOf(rounds);
      await wrong(store);
      assert(readJournal(store, 7).unknown !== null, `${rounds} rounds: ${what}`);
      // Nor does that of the next run, until a stop is clean.
      await journalOf(2, 8, store);
      if (what !== "of another run") assert(readJournal(store, 8).unknown !== null, what);
    }
  }
});

Deno.test("what is damaged, or is no journal, is renamed aside, and the rest is removed", async () => {
  const store = await journalOf(20), foreign = new TextEncoder().encode("precious");
  await store.replace("runnel-journal-7", foreign);
  await store.replace("runnel-journal-8", new Uint8Array(100));
  await change(store, ONE, flipped(HEAD + ENTRY));
  const told: string[] = [];
  const before = store.readAll(ONE)!, names = journalFiles(store);
  await dropJournal(store, names, () => false, {
    onAside: (one) => void told.push(`${one.file}: ${one.found}`),
  });
  assertEquals(told, [
    `${ONE}: damage at position ${HEAD + ENTRY}`,
    "runnel-journal-7: no journal entry in it",
  ]);
  const left = store.list("").map(({ name }) => name);
  assertEquals(left.length, 2);
  assertMatch(left[0], /^runnel-journal-0\.[0-9a-f]{32}-stray$/);
  assertMatch(left[1], /^runnel-journal-7\.[0-9a-f]{32}-stray$/);
  assertEquals([store.readAll(left[0]), store.readAll(left[1])], [before, foreign]);
  assertEquals(journalFiles(store), []);
});

Deno.test("a mark that found no room makes the journal say that not all is in it", async () => {
  for (const rounds of [2, 20]) {
    const store = new FullStore();
    await journalOf(rounds, 7, undefined, store);
    assertEquals(readJournal(store, 7).unknown, null);
    const journal = Journal.open(
      { store, fileBytes: FILE_BYTES, run: 8, onFailure: () => {} },
      readJournal(store, 7),
    );
    await journal.begin();
    const log = { sync: () => Promise.resolve(), isClosed: false, isGone: false };
    const stretch = { topicId: TOPIC_ID, folder: "t-0", segmentBase: 0, position: 0, bytes: 9 };
    const taken = [{ log, stretch: { ...stretch, read: () => {}, durable: () => {} } }];
    await journal.mark(taken);
    assertEquals(readJournal(store, 8).unknown, null);
    store.isFull = true;
    await journal.mark(taken);
    journal.close();
    assertMatch(readJournal(store, 8).unknown!, /says that not all is in it/);
  }
});

Deno.test("once such a mark has found room the journal says all again", async () => {
  const store = new FullStore(), onFailure = () => {};
  const journal = Journal.open({ store, fileBytes: FILE_BYTES, run: 8, onFailure });
  await journal.begin();
  const stretch = { topicId: TOPIC_ID, segmentBase: 0, position: 0, bytes: 9, read: () => {} };
  const taken = (folder: string) => [{
    log: { sync: () => Promise.resolve(), isClosed: false, isGone: false },
    stretch: { ...stretch, folder, durable: () => {} },
  }];
  store.isFull = true;
  for (const folder of ["t-0", "t-1"]) await journal.mark(taken(folder));
  assert(readJournal(store, 8).unknown !== null);
  store.isFull = false;
  assert(await journal.append(taken("t-2")));
  const { entries, unknown } = readJournal(store, 8);
  assertEquals([unknown, entries.map(({ folder }) => folder)], [null, ["t-0", "t-1", "t-2"]]);
  // So it does after the turn to the other file.
  store.isFull = true;
  await journal.mark(taken("t-3"));
  store.isFull = false;
  for (let i = 0; i < 60; i++) assert(await journal.append(taken("t-4")));
  assertEquals(readJournal(store, 8).unknown, null);
  journal.close();
});

Deno.test("a journal that began where not all was known says all once every log is known", async () => {
  const store = await journalOf(3, 7);
  await change(store, ONE, flipped(HEAD + ENTRY + 100));
  const left = readJournal(store, 7);
  assert(left.unknown !== null);
  const journal = Journal.open({ store, fileBytes: FILE_BYTES, run: 8, onFailure: () => {} }, left);
  await journal.begin();
  assert(readJournal(store, 8).unknown !== null);
  await journal.settle();
  assertEquals(readJournal(store, 8).unknown, null);
  journal.close();
});

/** A disk on which nothing is written any more but what overwrites the beginning of a file. */
class FullStore extends MemoryStore {
  isFull = false;

  override openInPlace(path: string) {
    const blob = super.openInPlace(path), write = blob.write.bind(blob);
    blob.write = (position, bytes) => {
      if (this.isFull && position > 0) throw new StoreError("no room", "noSpace");
      write(position, bytes);
    };
    return blob;
  }
}
