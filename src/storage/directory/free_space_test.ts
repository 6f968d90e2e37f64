/** Proves when clients' batches are refused for want of space, and that looking is cheap; the disk is a number here. */
import { assertEquals } from "@std/assert";
import { FreeSpace } from "./free_space.ts";
import { StoreError } from "../store.ts";

function disk(freeBytes: number) {
  const state = { freeBytes, looks: 0, changes: [] as boolean[], problems: 0, isBroken: false };
  const space = new FreeSpace({
    minFreeBytes: 1000,
    freeBytes: () => {
      state.looks++;
      if (state.isBroken) throw new StoreError("statfs failed", "io");
      return state.freeBytes;
    },
    onChange: (isLow) => state.changes.push(isLow),
    onProblem: () => state.problems++,
  });
  return { space, state };
}

Deno.test("freeSpace.admits() until the floor is reached, and asks the disk only then", () => {
  const { space, state } = disk(2000);
  for (let i = 0; i < 10; i++) assertEquals(space.admits(100), true);
  assertEquals(state.looks, 1);
  state.freeBytes = 999;
  assertEquals(space.admits(100), false);
  assertEquals([state.looks, space.freeBytes, state.changes], [2, 999, [true]]);
});

Deno.test("freeSpace.admits() again what others have made room for when its allowance is used up", () => {
  const { space, state } = disk(1100);
  assertEquals(space.admits(100), true);
  state.freeBytes = 5000;
  assertEquals(space.admits(100), true);
  assertEquals(state.changes, []);
});

Deno.test("below the floor refusing costs no look, and a look with room again ends it", () => {
  const { space, state } = disk(500);
  for (let i = 0; i < 5; i++) assertEquals(space.admits(1), false);
  assertEquals(state.looks, 1);
  state.freeBytes = 1000;
  space.look();
  assertEquals([space.isLow, state.changes], [false, [true, false]]);
});

Deno.test("a file system that does not answer changes nothing, and is reported", () => {
  const { space, state } = disk(500);
  state.isBroken = true;
  space.look();
  assertEquals([space.isLow, space.freeBytes, state.problems], [true, 500, 1]);
});

Deno.test("where the question has no meaning everything is admitted", () => {
  const { space, state } = disk(Infinity);
  for (let i = 0; i < 5; i++) assertEquals(space.admits(1e15), true);
  assertEquals(state.looks, 1);
});
