/** Proves when the reserve is taken, and that it is given up where the disk is about to be full. */
import { assertEquals } from "@std/assert";
import { FaultyStore } from "../../testing/faulty_store.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { Reserve } from "./reserve.ts";

const sizeOf = (store: MemoryStore) => store.readAll("runnel-reserve")?.length ?? null;

Deno.test("the reserve is taken where there is plenty, once, and given up where there is next to nothing", () => {
  const store = new MemoryStore(), reserve = new Reserve(store);
  reserve.take(1 << 20);
  reserve.take(Infinity); // nobody knows
  assertEquals(sizeOf(store), null);
  reserve.take(1 << 30);
  reserve.take(1 << 30);
  assertEquals(sizeOf(store), 256 << 10);
  reserve.giveUp(1 << 20);
  assertEquals(sizeOf(store), 256 << 10);
  reserve.giveUp(1000);
  assertEquals(sizeOf(store), null);
  reserve.take(1 << 30);
  assertEquals(sizeOf(store), 256 << 10, "it is made again");
});

Deno.test("a reserve of an earlier run is given up too, and one that was half made is filled up", () => {
  const store = new MemoryStore();
  const blob = store.open("runnel-reserve");
  blob.append(new Uint8Array(10));
  blob.close();
  new Reserve(store).take(1 << 30);
  assertEquals(sizeOf(store), 256 << 10);
  assertEquals(new Reserve(store).giveUp(0), true);
  assertEquals(sizeOf(store), null);
  assertEquals(new Reserve(store).giveUp(0), false);
});

Deno.test("a file system that cannot be written to keeps its reserve, and nothing is thrown", () => {
  using store = new FaultyStore(new MemoryStore());
  store.fail({ on: "remove" });
  new Reserve(store).giveUp(0);
});
