// Proves that the pool reuses what it lent, keeps no more than it may, and ignores memory that is not its own.
import { assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { SeededRandom } from "../testing/seeded_random.ts";
import { BufferPool } from "./pool.ts";

Deno.test("BufferPool.take() lends given-back memory of the same class again", () => {
  const pool = new BufferPool({ keepBytes: 1 << 20 });
  const first = pool.take(5000);
  assertEquals(first.length, 8192);
  pool.give(first.subarray(10, 20));
  assertStrictEquals(pool.take(8192).buffer, first.buffer);
});

Deno.test("BufferPool.give() ignores foreign memory and a second giving", () => {
  const pool = new BufferPool({ keepBytes: 1 << 20 });
  pool.give(new Uint8Array(8192));
  assertEquals(pool.keptBytes, 0);
  const lent = pool.take(8192);
  pool.give(lent);
  pool.give(lent);
  assertEquals(pool.keptBytes, 8192);
  assertEquals(pool.lentBytes, 0);
});

Deno.test("BufferPool keeps at most keepBytes", () => {
  const pool = new BufferPool({ keepBytes: 8192 });
  const [a, b] = [pool.take(8192), pool.take(8192)];
  pool.give(a);
  pool.give(b);
  assertEquals(pool.keptBytes, 8192);
  assertStrictEquals(pool.take(8192).buffer, a.buffer);
  assertNotStrictEquals(pool.take(8192).buffer, b.buffer);
});

Deno.test("BufferPool counts what is larger than every class while it is lent, and never keeps it", () => {
  const pool = new BufferPool({ keepBytes: 1 << 30 });
  const bytes = 65 << 20;
  const large = pool.take(bytes);
  assertEquals([large.length, pool.lentBytes], [bytes, bytes]);
  pool.give(large);
  assertEquals([pool.lentBytes, pool.keptBytes], [0, 0]);
});

Deno.test("BufferPool.adopt() counts other memory until it is given back, and never lends it", () => {
  const pool = new BufferPool({ keepBytes: 1 << 20 });
  const other = new Uint8Array(8192);
  pool.adopt(other);
  pool.adopt(other.subarray(10));
  assertEquals(pool.lentBytes, 8192);
  pool.give(other.subarray(5));
  assertEquals([pool.lentBytes, pool.keptBytes], [0, 0]);
  assertEquals(other.length, 8192, "it is still its owner's");
});

Deno.test("what a BufferPool does not keep goes back to the system at once when it is large", () => {
  const pool = new BufferPool({ keepBytes: 0 });
  const [large, small] = [pool.take(1 << 20), pool.take(4096)];
  pool.give(large);
  pool.give(small);
  assertEquals([large.length, small.length], [0, 4096]);
});

Deno.test("a BufferPool lends each block to one at a time, counts right, and keeps what it may, over random histories", () => {
  const seed = Number(Deno.env.get("RUNNEL_SEED") ?? Date.now() % 1e6);
  const random = new SeededRandom(seed), keepBytes = 4 << 20;
  const pool = new BufferPool({ keepBytes });
  const lent: Uint8Array[] = [], forgotten: Uint8Array[] = [];
  for (let i = 0; i < 20_000; i++) {
    const takes = random.below(lent.length + 10) < 10;
    if (takes) {
      const bytes = 1 << 12 + random.below(13);
      const view = pool.take(bytes);
      const same = [...lent, ...forgotten].find((other) =>
        other.buffer === view.buffer && other.byteOffset < view.byteOffset + view.length &&
        view.byteOffset < other.byteOffset + other.length
      );
      assertEquals(same, undefined, `seed ${seed}: lent twice`);
      assertEquals(view.length >= bytes, true);
      lent.push(view);
    } else if (random.oneIn(10)) {
      const [view] = lent.splice(random.below(lent.length), 1);
      pool.forget(view);
      forgotten.push(view);
    } else if (forgotten.length > 0 && random.below(10) === 0) {
      pool.give(forgotten.pop()!);
    } else {
      const [view] = lent.splice(random.below(lent.length), 1);
      pool.give(view.subarray(random.below(view.length)));
      pool.give(view); // twice counts once
    }
    const bytes = lent.reduce((sum, { length }) => sum + length, 0);
    assertEquals(pool.lentBytes, bytes, `seed ${seed}`);
  }
  for (const view of [...lent, ...forgotten]) pool.give(view);
  assertEquals(pool.lentBytes, 0, `seed ${seed}`);
  assertEquals(pool.keptBytes <= keepBytes, true, `seed ${seed}: ${pool.keptBytes} are kept`);
});

Deno.test("what was forgotten goes back to the system when nobody looks at it any more", () => {
  const pool = new BufferPool({ keepBytes: 0 });
  const lent = pool.take(1 << 20);
  pool.forget(lent);
  assertEquals([pool.lentBytes, lent.length], [0, 1 << 20]);
  pool.give(lent);
  assertEquals([lent.length, pool.keptBytes], [0, 0]);
});

Deno.test("who has taken a reply before goes first when there is memory again", async () => {
  const pool = new BufferPool({ keepBytes: 0, scarceBytes: 10_000 });
  const lent = pool.take(16_384);
  const went: string[] = [];
  const come = (name: string, isReader: boolean) =>
    pool.room({ isEnding: false, ends: new Set(), isReader }).then(() => went.push(name));
  const waiting = [come("a", false), come("b", true), come("c", false), come("d", true)];
  pool.give(lent);
  await Promise.all(waiting);
  assertEquals(went, ["b", "d", "a", "c"]);
});

Deno.test("BufferPool.forget() counts memory no more, and never lends it again", () => {
  const pool = new BufferPool({ keepBytes: 1 << 20 });
  const lent = pool.take(8192);
  pool.forget(lent);
  pool.give(lent);
  assertEquals([pool.lentBytes, pool.keptBytes, lent.length], [0, 0, 8192]);
});

Deno.test("BufferPool.room() lets who waits go on in turn, as long as there is memory, and at their end", async () => {
  const pool = new BufferPool({ keepBytes: 0, scarceBytes: 10_000 });
  const waiter = () => ({ isEnding: false, ends: new Set<() => void>(), isReader: false });
  const lent = [pool.take(8192), pool.take(8192)];
  const went: string[] = [];
  const [first, second, third] = [waiter(), waiter(), waiter()];
  const waiting = [
    pool.room(first).then(() => (went.push("first"), lent.push(pool.take(8192)))),
    pool.room(second).then(() => went.push("second")),
    pool.room(third).then(() => went.push("third")),
  ];
  assertEquals(pool.isAwaited, true);
  pool.give(lent[0]);
  await waiting[0];
  for (let i = 0; i < 10; i++) await null;
  assertEquals(went, ["first"]);
  third.isEnding = true;
  for (const end of third.ends) end();
  await waiting[2];
  assertEquals(went, ["first", "third"]);
  pool.give(lent[1]);
  await Promise.all(waiting);
  assertEquals(went, ["first", "third", "second"]);
  assertEquals([first, second, third].map(({ ends }) => ends.size), [0, 0, 0]);
});
