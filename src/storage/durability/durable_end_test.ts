// Proves that DurableEnd never calls more durable than a device holds, nor less once it does, over random histories of
// admissions, writes, rolls, failures, journal rounds and syncs that end in any order. The device is a model of its own.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Random } from "../../../tests/random.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { type Behind, DurableEnd } from "./durable_end.ts";

/** A segment's file, and what of it is on the device. */
class Model {
  readonly log = { size: 0 };
  /** In the file's own pages, synced. */
  synced = 0;
  /** Stretches that the journal holds, [from, to). */
  readonly journaled: [number, number][] = [];
  #syncs: (() => void)[] = [];

  constructor(readonly baseOffset: number, readonly ends: number[] = []) {}

  sync(): Promise<boolean> {
    const bytes = this.log.size;
    return new Promise((resolve) =>
      this.#syncs.push(() => {
        this.synced = Math.max(this.synced, bytes);
        resolve(false);
      })
    );
  }

  get syncsOnTheWay(): number {
    return this.#syncs.length;
  }

  /** Ends one of the syncs on the way. */
  endSync(which: number): void {
    this.#syncs.splice(which % this.#syncs.length, 1)[0]();
  }

  /** Bytes from the start without a hole. */
  get onDevice(): number {
    let end = this.synced;
    for (let moved = true; moved;) {
      moved = false;
      for (const [from, to] of this.journaled) {
        if (from <= end && to > end) [end, moved] = [to, true];
      }
    }
    return end;
  }
}

const BATCH = 10;

function storeWithFolder(): MemoryStore {
  const store = new MemoryStore();
  store.makeFolder("t-0");
  return store;
}

/** A log of batches of BATCH bytes, one offset each, driven at random. */
class World {
  readonly segments: Model[] = [new Model(0)];
  readonly end: DurableEnd<Model>;
  /** Segments of batches that are admitted and not written. */
  readonly queue: Model[] = [];
  /** Rounds of the journal; they end in the order they began. */
  readonly rounds: Behind<Model>[][] = [];
  written = 0;
  admitted = 0;
  told = 0;

  /** With a journal, or where every sync says what is durable. */
  constructor(readonly isJournaled = false) {
    this.end = new DurableEnd<Model>({
      store: storeWithFolder(),
      folder: "t-0",
      active: this.segments[0],
      logEndOffset: 0,
      isNew: false,
      isJournaled: this.isJournaled,
      onDurable: () => this.told++,
    });
  }

  get active(): Model {
    return this.segments.at(-1)!;
  }

  step(random: Random): void {
    switch (random.below(9)) {
      case 0:
      case 1:
        this.queue.push(this.active);
        return this.end.admit(BATCH, ++this.admitted);
      case 2:
      case 3: {
        const segment = this.queue.shift();
        if (segment === undefined) return;
        segment.log.size += BATCH;
        const isWhole = this.end.written(segment, BATCH, ++this.written);
        const isSealed = segment !== this.active;
        return assertEquals(isWhole, isSealed && !this.queue.includes(segment), "whole");
      }
      case 4: {
        if (this.admitted === this.active.baseOffset) return;
        const next = new Model(this.admitted);
        this.segments.push(next);
        return void this.end.seal(next);
      }
      case 5: {
        const failed = this.queue.shift();
        if (failed === undefined || random.below(4) > 0) {
          return void (failed && this.queue.unshift(failed));
        }
        this.queue.length = 0;
        this.segments.length = this.segments.indexOf(failed) + 1;
        this.admitted = this.end.takeBack(failed);
        return assertEquals(this.admitted, this.written);
      }
      case 6: {
        if (!this.isJournaled) return;
        if (this.rounds.length < 2) return void this.rounds.push(this.end.takeBehind());
        return this.endRound();
      }
      case 7:
        return void (random.below(2) === 0 ? this.end.sync() : this.end.syncSealed());
      default: {
        const busy = this.segments.filter(({ syncsOnTheWay }) => syncsOnTheWay > 0);
        if (busy.length > 0) random.pick(busy).endSync(random.below(8));
      }
    }
  }

  endRound(): void {
    for (const behind of this.rounds.shift() ?? []) {
      const { segment, position, bytes } = behind;
      segment.journaled.push([position, position + bytes]);
      this.end.durable(behind);
    }
  }

  /** The offset up to which the device holds everything, by the model. */
  get onDevice(): number {
    let offset = 0;
    for (const segment of this.segments) {
      offset = segment.baseOffset + segment.onDevice / BATCH;
      if (
        segment.onDevice < segment.log.size ||
        segment !== this.active && offset < this.next(segment)
      ) break;
    }
    return offset;
  }

  /** The same, of the segments' own files. */
  get inFiles(): number {
    let offset = 0;
    for (const segment of this.segments) {
      offset = segment.baseOffset + segment.synced / BATCH;
      if (segment !== this.active && offset < this.next(segment)) break;
    }
    return offset;
  }

  next(segment: Model): number {
    return this.segments[this.segments.indexOf(segment) + 1].baseOffset;
  }

  /** Lets everything end that has begun. */
  async settle(): Promise<void> {
    while (this.rounds.length > 0) this.endRound();
    for (let i = 0; i < 20; i++) {
      for (const segment of this.segments) while (segment.syncsOnTheWay > 0) segment.endSync(0);
      await null;
    }
  }
}

Deno.test("what is called durable is on the device, over random histories", async () => {
  const seen = { sealedInFlight: 0, takenBack: 0, moved: 0 };
  for (let seed = 1; seed <= 400; seed++) {
    const random = new Random(seed), world = new World(seed % 2 === 0);
    for (let step = 0; step < 150; step++) {
      const before = world.end.durableOffset, admitted = world.admitted;
      world.step(random);
      for (let i = 0; i < 6; i++) await null;
      const { end } = world, where = `seed ${seed}, step ${step}`;
      assert(
        end.durableOffset <= world.onDevice,
        `${where}: durable ${end.durableOffset}, on the device ${world.onDevice}`,
      );
      assert(
        end.syncedOffset <= world.inFiles,
        `${where}: synced ${end.syncedOffset}, in files ${world.inFiles}`,
      );
      assert(end.durableOffset >= before, `${where}: the durable end fell`);
      assertEquals([end.admittedOffset, end.writtenOffset], [world.admitted, world.written], where);
      if (world.queue.some((segment) => segment !== world.active)) seen.sealedInFlight++;
      if (world.admitted < admitted) seen.takenBack++;
      if (end.durableOffset > before) seen.moved++;
    }
    while (world.queue.length > 0) {
      const segment = world.queue.shift()!;
      segment.log.size += BATCH;
      world.end.written(segment, BATCH, ++world.written);
    }
    if (world.isJournaled) world.rounds.push(world.end.takeBehind());
    world.end.sync();
    await world.settle();
    assertEquals(
      [world.end.durableOffset, world.end.syncedOffset],
      [world.written, world.written],
      `seed ${seed}`,
    );
  }
  assert(Object.values(seen).every((count) => count > 200), JSON.stringify(seen));
});

function written(...batches: number[]): { end: DurableEnd<Model>; active: Model } {
  const world = new World();
  for (const bytes of batches) {
    world.end.admit(bytes, ++world.admitted);
    world.active.log.size += bytes;
    world.end.written(world.active, bytes, world.admitted);
  }
  return { end: world.end, active: world.active };
}

Deno.test("a sealed segment is owed until its last byte is synced, though the write came after the seal", async () => {
  const { end, active: first } = written(10);
  end.admit(10, 2); // on its way to the first segment
  assertEquals(end.seal(new Model(2)), false);
  const early = end.sync();
  first.endSync(0);
  await early;
  assertEquals([end.durableOffset, end.syncedOffset], [1, 1]);
  first.log.size += 10;
  assertEquals(end.written(first, 10, 2), true);
  assertEquals(end.durableOffset, 1);
  const late = end.syncSealed();
  first.endSync(0);
  await late;
  assertEquals([end.durableOffset, end.syncedOffset], [2, 2]);
});

Deno.test("what a completion says of a segment that is gone is not heard", async () => {
  const { end, active: first } = written(10, 10);
  const next = new Model(2);
  end.seal(next);
  const [stretch] = end.takeBehind();
  const syncing = end.sync();
  first.endSync(0);
  await syncing;
  end.forget([first]);
  end.durable(stretch);
  assertEquals([end.durableOffset, end.syncedOffset], [2, 2]);
});

Deno.test("ends out of order are a bug that is told at once", () => {
  const { end, active } = written(10);
  assertThrows(() => end.written(active, 10, 2), Error, "ends out of order"); // never admitted
  const other = written(10);
  other.end.admit(10, 2);
  const next = new Model(2);
  other.end.seal(next);
  assertThrows(() => other.end.forget([other.active]), Error, "with writes on the way");
  assertThrows(() => other.end.written(new Model(7), 1, 8), Error, "segment that is gone");
  other.end.admit(10, 3);
  other.end.written(next, 10, 3);
  assertThrows(() => other.end.takeBack(other.active), Error, "a later segment was written");
});

Deno.test("what recovery found without syncing it is not durable before a sync", async () => {
  const segment = new Model(0);
  segment.log.size = 50;
  const end = new DurableEnd<Model>({
    store: storeWithFolder(),
    folder: "t-0",
    active: segment,
    logEndOffset: 5,
    isNew: false,
    isJournaled: false,
    onDurable: () => {},
  });
  end.found(segment, { bytes: 50, offset: 5 }, 3);
  assertEquals([end.writtenOffset, end.durableOffset, end.syncedOffset], [5, 3, 3]);
  const syncing = end.sync();
  segment.endSync(0);
  await syncing;
  assertEquals([end.durableOffset, end.syncedOffset], [5, 5]);
});

Deno.test("no stretch is taken twice, and none before it is written", () => {
  const { end, active } = written(10, 10);
  end.admit(10, 3);
  assertEquals(end.takeBehind().map(({ position, bytes }) => [position, bytes]), [[0, 20]]);
  assertEquals(end.takeBehind(), []);
  active.log.size += 10;
  end.written(active, 10, 3);
  assertEquals(end.takeBehind().map(({ position, bytes }) => [position, bytes]), [[20, 10]]);
});

Deno.test("bytes are in their own file only when the file's name is on the device", async () => {
  const folders: string[] = [];
  let goOn = () => {};
  const store = new class extends MemoryStore {
    override syncFolder(folder: string): Promise<void> {
      folders.push(folder);
      return new Promise((resolve) => goOn = resolve);
    }
  }();
  const active = new Model(0);
  const end = new DurableEnd<Model>({
    store,
    folder: "t-0",
    active,
    logEndOffset: 0,
    isNew: true,
    isJournaled: false,
    onDurable: () => {},
  });
  end.admit(10, 1);
  active.log.size = 10;
  end.written(active, 10, 1);
  const syncing = end.sync();
  active.endSync(0);
  for (let i = 0; i < 10; i++) await null;
  assertEquals([folders, end.syncedOffset, end.durableOffset], [["t-0"], 0, 0]);
  goOn();
  for (let i = 0; i < 10; i++) await null;
  assertEquals([folders, end.syncedOffset], [["t-0", ""], 0]); // and the folder's own name
  goOn();
  await syncing;
  assertEquals([end.syncedOffset, end.durableOffset], [1, 1]);
  const next = new Model(1);
  end.seal(next);
  const second = end.sync();
  for (let i = 0; i < 10; i++) await null;
  assertEquals([folders.length, next.syncsOnTheWay], [3, 0]); // an empty file has nothing but its name
  goOn();
  await second;
});
