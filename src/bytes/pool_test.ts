// Proves that the pool reuses what it lent, keeps no more than it may, and ignores memory that is not its own.
import { assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
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
