/**
 * How replies leave and what becomes of their memory, with a socket that takes what it is told to: also where a write that
 * stands still outlives its socket, as before Deno 2.9.
 */
import { assert, assertEquals } from "@std/assert";
import { BufferPool } from "../bytes/pool.ts";
import { SeededRandom } from "../testing/seeded_random.ts";
import { Outbox } from "./outbox.ts";
import type { Socket } from "./transport/transport.ts";

/** Takes bytes when told to, and never minds being closed. */
class Sink implements Socket {
  readonly taken: number[] = [];
  /** Of each write. */
  readonly sizes: number[] = [];
  #pending: { bytes: Uint8Array; resolve: (count: number) => void } | null = null;

  read(): Promise<number | null> {
    return new Promise(() => {});
  }

  write(bytes: Uint8Array): Promise<number> {
    this.sizes.push(bytes.length);
    return new Promise((resolve) => this.#pending = { bytes, resolve });
  }

  close(): void {}

  get isWaiting(): boolean {
    return this.#pending !== null;
  }

  async take(most: number): Promise<void> {
    const { bytes, resolve } = this.#pending!;
    const count = Math.min(most, bytes.length);
    for (const byte of bytes.subarray(0, count)) this.taken.push(byte);
    this.#pending = null;
    resolve(count);
    for (let i = 0; i < 10; i++) await null;
  }
}

function outboxFor(sink: Sink, closingEndsWrites: boolean) {
  const pool = new BufferPool({ keepBytes: 1 << 24 });
  const failed: unknown[] = [];
  const outbox = new Outbox(sink, {
    pool,
    closingEndsWrites,
    onSent: () => {},
    onDrained: () => {},
    onFailed: (error) => failed.push(error),
  });
  const chunk = (size: number, fill: number) => pool.take(size).subarray(0, size).fill(fill);
  return { pool, outbox, chunk, failed };
}

for (const closingEndsWrites of [true, false]) {
  Deno.test(`replies of every size leave whole and in order, and their memory comes back (${closingEndsWrites})`, async () => {
    const seed = Number(Deno.env.get("RUNNEL_SEED") ?? Date.now() % 1e6);
    const random = new SeededRandom(seed);
    const sink = new Sink();
    const { pool, outbox, chunk, failed } = outboxFor(sink, closingEndsWrites);
    const expected: number[] = [];
    for (let i = 0; i < 40; i++) {
      const size = 1 + random.below(random.pick([10, 5000, 300_000]));
      outbox.add([chunk(size, i)]);
      for (let n = 0; n < size; n++) expected.push(i);
      if (random.oneIn(3)) outbox.flush();
      if (sink.isWaiting && random.oneIn(2)) await sink.take(1 + random.below(200_000));
    }
    outbox.flush();
    while (sink.isWaiting) await sink.take(1 + random.below(200_000));
    assertEquals(sink.taken.length, expected.length, `seed ${seed}`);
    assert(sink.taken.every((byte, i) => byte === expected[i]), `seed ${seed}`);
    assertEquals([pool.lentBytes, outbox.bytes, outbox.isBusy], [0, 0, false], `seed ${seed}`);
    assertEquals(failed, []);
  });
}

Deno.test("where closing does not end writes, a peer that takes nothing keeps a piece, and gets nothing of others'", async () => {
  const sink = new Sink();
  const { pool, outbox, chunk } = outboxFor(sink, false);
  outbox.add([chunk(10, 1), chunk(1 << 20, 2), chunk(1 << 20, 3)]);
  outbox.flush();
  await sink.take(10); // the small one
  assertEquals(sink.sizes.at(-1), 1 << 16);
  outbox.close();
  assertEquals(pool.lentBytes, 0);
  const others = [pool.take(1 << 20), pool.take(1 << 20), pool.take(1 << 16)];
  for (const other of others) other.fill(9);
  await sink.take(Infinity); // hours later
  assertEquals(sink.isWaiting, false, "it goes on sending");
  assertEquals(sink.taken.includes(9), false);
  for (const other of others) {
    assert(other.every((byte) => byte === 9), "it writes to others' memory");
  }
});

Deno.test("a peer is trusted with twice what it has taken at once", async () => {
  const sink = new Sink();
  const { outbox, chunk } = outboxFor(sink, false);
  for (
    const [size, whole] of [[200_000, false], [400_000, true], [900_000, false], [
      1_800_000,
      true,
    ]] as const
  ) {
    outbox.add([chunk(size, 1)]);
    outbox.flush();
    assertEquals(sink.sizes.at(-1), whole ? size : 1 << 16, `${size}`);
    while (sink.isWaiting) await sink.take(Infinity);
  }
});
