/**
 * What a segment gives when its files hold anything: changed here and there, or nothing but noise. Whatever is asked
 * ends after a bounded number of reads, throws nothing but CorruptBatchError, and gives only batches that were written.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { BufferPool } from "../../bytes/pool.ts";
import { writeInt32 } from "../../bytes/int64.ts";
import * as batch from "../../protocol/records/batch.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { flipped, putFiles } from "../../testing/file_damage.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { positionOfTime, startBefore } from "./index_check.ts";
import type { Blob } from "../store.ts";
import { CorruptBatchError } from "./corrupt_batch_error.ts";
import { Segment, segmentName } from "./segment.ts";

const BASE = 1000;
const BATCHES = 60;
const MAX_READS = 2000;
const SEEDS = 250;

/** Refuses to be read for ever. */
class CountingStore extends MemoryStore {
  reads = 0;

  override open(path: string): Blob {
    const blob = super.open(path), read = blob.read.bind(blob);
    blob.read = (position, into) => {
      if (++this.reads > MAX_READS) throw new Error(`more than ${MAX_READS} reads`);
      return read(position, into);
    };
    return blob;
  }
}

/** A segment's files, and its batches by base offset. */
function written(): { files: Map<string, Uint8Array>; batches: Map<number, Uint8Array> } {
  const store = new MemoryStore();
  store.makeFolder("t-0");
  const pool = new BufferPool({ keepBytes: 0 });
  const segment = new Segment({ store, folder: "t-0", pool }, BASE, 0);
  const batches = new Map<number, Uint8Array>();
  segment.openIndexes();
  for (let i = 0, offset = BASE; i < BATCHES; i++) {
    const records = Array.from({ length: 1 + i % 4 }, (_, k) => ({
      timestampMs: 1_000_000 + (i * 37 + k) % 500 + i * 5,
      value: new Uint8Array(i === 30 ? 40_000 : 20 + i * 13 % 90).fill(i),
    }));
    const bytes = buildBatch({ records });
    batch.assign(bytes, 0, offset, i >> 4);
    const lastOffset = batch.lastOffset(bytes);
    const summary = { baseOffset: offset, lastOffset, maxTimestampMs: batch.maxTimestamp(bytes) };
    segment.admit(summary, bytes.length, 300);
    segment.log.append(bytes);
    batches.set(offset, bytes);
    offset = lastOffset + 1;
  }
  segment.flushIndexes(true);
  const names = [".log", ".index", ".timeindex"].map((kind) => segmentName(BASE) + kind);
  return { files: new Map(names.map((name) => [name, store.readAll(`t-0/${name}`)!])), batches };
}

/** Numbers below `limit` that a seed replays. */
function randomOf(seed: number): (limit: number) => number {
  let state = seed * 2654435761 >>> 0;
  return (limit) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 >>> 0;
    return (state ^ state >>> 13) % Math.max(1, limit);
  };
}

function mutated(bytes: Uint8Array, random: (limit: number) => number): Uint8Array {
  let out = bytes.slice();
  for (let times = 1 + random(3); times > 0; times--) {
    const at = random(out.length), length = random(100);
    switch (random(7)) {
      case 0:
        if (at < out.length) out[at] ^= 1 << random(8);
        break;
      case 1: // a length, or half an offset
        if (at + 4 <= out.length) {
          writeInt32(out, at, [0, -1, -12, 49, 2 ** 31 - 1, 40_000, -(2 ** 31)][random(7)]);
        }
        break;
      case 2:
        out = out.slice(0, at);
        break;
      case 3: // a part is there twice
        out = new Uint8Array([...out.subarray(0, at + length), ...out.subarray(at)]);
        break;
      case 4: // a part is gone
        out = new Uint8Array([...out.subarray(0, at), ...out.subarray(at + length)]);
        break;
      case 5:
        out.subarray(at, at + length).fill(random(2) * 255);
        break;
      case 6:
        out = new Uint8Array([...out, ...Array.from({ length }, () => random(256))]);
    }
  }
  return out;
}

function noise(length: number, random: (limit: number) => number): Uint8Array {
  const out = Uint8Array.from({ length }, () => random(256));
  for (let at = 0; at + 17 < length; at += 61 + random(80)) { // what may pass for headers
    writeInt32(out, at, 0);
    writeInt32(out, at + 4, BASE + random(100));
    writeInt32(out, at + 8, 49 + random(60));
    out[at + 16] = batch.MAGIC_V2;
  }
  return out;
}

function questions(
  segment: Segment,
  store: CountingStore,
  random: (limit: number) => number,
  given: (bytes: Uint8Array) => void,
): void {
  const ask = (question: () => void) => {
    store.reads = 0;
    try {
      question();
    } catch (error) {
      if (!(error instanceof CorruptBatchError)) throw error;
      assert(error.offset >= BASE, `offset ${error.offset}`);
    }
  };
  const scan = (from = 0) => {
    for (const [bytes] of segment.intact(from)) given(bytes);
  };
  for (let i = 0; i < 25; i++) {
    const maxBytes = random(3) === 0 ? 1 << 20 : random(600), minOneBatch = random(4) > 0;
    const endOffset = random(3) === 0 ? BASE + random(200) : Infinity;
    ask(() => {
      const read = segment.read(BASE + random(200), { maxBytes, minOneBatch, endOffset });
      if (read === null) return;
      let end = 0;
      for (const at of batch.batches(read)) {
        end = at + batch.sizeInBytes(read, at);
        given(read.subarray(at, end));
      }
      assertEquals(end, read.length);
    });
    ask(() => scan(segment.positionOf(BASE + random(200))));
    ask(() => scan(positionOfTime(segment, 1_000_000 + random(900))));
    ask(() => segment.batchAt(BASE + random(200)));
  }
  ask(scan);
  ask(() => segment.largestTimestampMs);
  ask(() => segment.endOffset);
  ask(() => segment.openIndexes());
}

/** Runs one seed; what it gave. */
function run(
  seed: number,
  files: Map<string, Uint8Array>,
  batches: Map<number, Uint8Array>,
): { given: number; problems: number } {
  const random = randomOf(seed);
  const store = new CountingStore();
  const damaged = new Map(files);
  for (const [name, bytes] of files) {
    if (random(2) === 0) damaged.set(name, mutated(bytes, random));
    else if (random(12) === 0) damaged.set(name, noise(random(3000), random));
  }
  putFiles(store, "t-0", damaged);
  const mayHaveGaps = random(2) === 0;
  let problems = 0, count = 0;
  const context = {
    store,
    folder: "t-0",
    pool: new BufferPool({ keepBytes: 0 }),
    mayHaveGaps,
    indexIntervalBytes: 300,
    maxLeaderEpoch: 3,
    onProblem: () => void problems++,
  };
  const segment = new Segment(context, BASE, 0);
  questions(segment, store, random, (bytes) => {
    count++;
    assert(batch.isIntact(bytes), "not intact");
    const original = batches.get(batch.baseOffset(bytes));
    if (!mayHaveGaps) assertEquals(bytes, original, "never written there");
    assert(batch.partitionLeaderEpoch(bytes) <= 3);
  });
  return { given: count, problems };
}

Deno.test("a segment whose files hold anything gives what was written or CorruptBatchError, and ends", () => {
  const { files, batches } = written();
  let given = 0, problems = 0;
  const only = Number(Deno.env.get("RUNNEL_SEED") ?? NaN);
  for (
    let seed = Number.isNaN(only) ? 0 : only;
    seed < (Number.isNaN(only) ? SEEDS : only + 1);
    seed++
  ) {
    try {
      const ran = run(seed, files, batches);
      given += ran.given;
      problems += ran.problems;
    } catch (cause) {
      throw new Error(`RUNNEL_SEED=${seed} replays this: ${cause}`, { cause });
    }
  }
  if (Number.isNaN(only)) {
    assert(given > SEEDS * 100 && problems > SEEDS / 4, `${given}, ${problems}`);
  }
});

/** Every offset's batch and the first batch from every time on, of a segment whose log is sound. */
function soundAnswers(
  files: Map<string, Uint8Array>,
  mayHaveGaps: boolean,
): { answers: string; problems: string[] } {
  const store = new MemoryStore(), problems: string[] = [];
  putFiles(store, "t-0", files);
  const pool = new BufferPool({ keepBytes: 0 });
  const onProblem = (event: string) => problems.push(event);
  const context = { store, folder: "t-0", pool, mayHaveGaps, indexIntervalBytes: 300, onProblem };
  const segment = new Segment(context, BASE, 0);
  const answers: unknown[] = [segment.largestTimestampMs];
  for (let i = 0; i < 150; i += 2) {
    const offset = BASE + i * 67 % 149;
    const read = segment.read(offset, { maxBytes: 1, minOneBatch: true, endOffset: Infinity });
    answers.push(read && batch.baseOffset(read));
  }
  for (let ms = 1_000_000; ms < 1_000_900; ms += 40) {
    for (const [bytes] of segment.intact(positionOfTime(segment, ms))) {
      if (batch.maxTimestamp(bytes) < ms) continue;
      answers.push(batch.baseOffset(bytes));
      break;
    }
  }
  for (let position = 0; position <= segment.size; position += 97) {
    const start = startBefore(segment, position);
    for (const [, at] of segment.intact(start)) {
      answers.push(at === start && start <= position); // a batch begins there
      break;
    }
  }
  return { answers: JSON.stringify(answers), problems };
}

for (const kind of [".index", ".timeindex"]) {
  for (const mayHaveGaps of [false, true]) {
    const where = mayHaveGaps ? "where gaps are legal" : "without gaps";
    Deno.test(`no bit of ${kind} that is flipped changes an answer ${where}`, () => {
      const { files } = written();
      const expected = soundAnswers(files, mayHaveGaps);
      assertEquals(expected.problems, []);
      const name = segmentName(BASE) + kind, bytes = files.get(name)!;
      let rebuilt = 0;
      for (let bit = 0; bit < bytes.length * 8; bit += 3) {
        const damaged = flipped(bytes, bit >> 3, bit);
        const { answers, problems } = soundAnswers(new Map(files).set(name, damaged), mayHaveGaps);
        assertEquals(answers, expected.answers, `bit ${bit}`);
        assert(problems.length <= 1 && (problems[0] ?? "index_rebuilt") === "index_rebuilt");
        rebuilt += problems.length;
      }
      assert(rebuilt > bytes.length, `${rebuilt} of ${bytes.length * 8 / 3}`);
    });
  }
}

Deno.test("an index of Kafka before 4.0, which has one entry for all batches of an append, is understood", () => {
  const { files } = written();
  const name = segmentName(BASE) + ".index";
  const expected = soundAnswers(files, false);
  const bytes = files.get(name)!, grouped = new Uint8Array(bytes.length >> 1);
  for (let at = 0; at + 8 <= grouped.length; at += 8) { // the offset of the second entry, the position of the first
    grouped.set(bytes.subarray(2 * at + 8, 2 * at + 12), at);
    grouped.set(bytes.subarray(2 * at + 4, 2 * at + 8), at + 4);
  }
  const { answers, problems } = soundAnswers(new Map(files).set(name, grouped), false);
  assertEquals([answers, problems], [expected.answers, []]);
});

Deno.test("damage is told of once for each place, however often it is met", () => {
  const { files, batches } = written();
  const name = segmentName(BASE) + ".log", log = files.get(name)!.slice();
  const bases = [...batches.keys()];
  for (const i of [20, 40]) {
    let at = 0;
    for (const base of bases.slice(0, i)) at += batches.get(base)!.length;
    log[at + 70] ^= 1;
  }
  const store = new MemoryStore(), problems: Record<string, unknown>[] = [];
  putFiles(store, "t-0", new Map(files).set(name, log));
  const context = {
    store,
    folder: "t-0",
    pool: new BufferPool({ keepBytes: 0 }),
    mayHaveGaps: false,
    onProblem: (event: string, details: Record<string, unknown>) =>
      problems.push({ event, offset: details.offset }),
  };
  const segment = new Segment(context, BASE, 0);
  const bounds = { maxBytes: 1, minOneBatch: true, endOffset: Infinity };
  for (let times = 0; times < 5; times++) {
    for (const [i, base] of bases.entries()) {
      if (i !== 20 && i !== 40) assertEquals(batch.baseOffset(segment.read(base, bounds)!), base);
      else {assertEquals(
          assertThrows(() => segment.read(base, bounds), CorruptBatchError).offset,
          base,
        );}
    }
  }
  const event = "corrupt_batch";
  assertEquals(problems, [{ event, offset: bases[20] }, { event, offset: bases[40] }]);
});

Deno.test("what this process appended is not checked, and what it found is checked once", () => {
  const { files } = written();
  const store = new CountingStore();
  putFiles(store, "t-0", files);
  const context = {
    store,
    folder: "t-0",
    pool: new BufferPool({ keepBytes: 0 }),
    mayHaveGaps: false,
  };
  const segment = new Segment(context, BASE, 0);
  const bounds = { maxBytes: 1 << 20, minOneBatch: true, endOffset: Infinity };
  segment.read(BASE, bounds);
  // A bit of a batch that was checked already: nobody looks a second time.
  const path = `t-0/${segmentName(BASE)}.log`, log = store.readAll(path)!;
  log[80] ^= 1;
  const blob = store.open(path);
  blob.truncate(0);
  blob.append(log);
  blob.close();
  assertEquals(segment.read(BASE, bounds)!.length, log.length);
  assertThrows(() => [...segment.intact(0, undefined, true)], CorruptBatchError); // unless told to
});

Deno.test("a size that no batch has is damage where this process appended, too, for who wants what is there", () => {
  for (const size of [-(2 ** 31), -1, 0, 48]) {
    const { files } = written(), store = new CountingStore(), problems: string[] = [];
    putFiles(store, "t-0", files);
    const onProblem = (event: string) => void problems.push(event);
    const pool = new BufferPool({ keepBytes: 0 });
    const segment = new Segment({ store, folder: "t-0", pool, onProblem }, BASE, 0);
    const bounds = { maxBytes: 1 << 20, minOneBatch: true, endOffset: BASE + 100 };
    segment.read(BASE, bounds); // it is believed from here on, as what was appended is
    const path = `t-0/${segmentName(BASE)}.log`, log = store.readAll(path)!;
    writeInt32(log, 8, size);
    const blob = store.open(path);
    blob.truncate(0);
    blob.append(log);
    blob.close();
    assertThrows(() => segment.read(BASE, bounds), CorruptBatchError, `${size + 12} bytes`);
    assertEquals(problems, ["corrupt_batch"]);
    // Behind the end of what is there for readers it may be on its way.
    assertEquals(segment.read(BASE, { ...bounds, endOffset: BASE }), null);
  }
});

Deno.test("a segment that was read whole and appended to is no fresh one: its indexes are still held against it", () => {
  const { files } = written();
  const name = segmentName(BASE) + ".index";
  const index = files.get(name)!.slice();
  for (let at = 3; at < index.length; at += 8) index[at] ^= 1; // every entry's offset
  const store = new MemoryStore(), problems: string[] = [];
  putFiles(store, "t-0", new Map(files).set(name, index));
  const onProblem = (event: string) => problems.push(event);
  const pool = new BufferPool({ keepBytes: 0 });
  const segment = new Segment(
    { store, folder: "t-0", pool, mayHaveGaps: false, onProblem },
    BASE,
    0,
  );
  assertEquals([...segment.intact()].length, BATCHES);
  const bytes = buildBatch({ records: [{ timestampMs: 2_000_000, value: new Uint8Array(9) }] });
  const baseOffset = segment.endOffset;
  batch.assign(bytes, 0, baseOffset, 3);
  segment.openIndexes();
  segment.admit(
    { baseOffset, lastOffset: baseOffset, maxTimestampMs: 2_000_000 },
    bytes.length,
    300,
  );
  segment.log.append(bytes);
  assert(!segment.isFresh);
  for (let offset = BASE; offset <= baseOffset; offset += 3) {
    const read = segment.read(offset, { maxBytes: 1, minOneBatch: true, endOffset: Infinity })!;
    assert(batch.baseOffset(read) <= offset && offset <= batch.lastOffset(read));
  }
  assertEquals(problems, ["index_rebuilt"]);
});
