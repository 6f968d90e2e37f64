/** How a process' descriptors are shared when nobody tells how many there are; the process is a counter here. */
import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "../../testing/fake_clock.ts";
import { Descriptors } from "./descriptors.ts";

const RESERVE = 96, BELIEVED_MS = 5000;

class Process {
  used = 40;
  tried = 0;
  constructor(readonly limit: number) {}

  open(): { close(): void } {
    this.tried++;
    if (this.used >= this.limit) throw new Error("Too many open files (os error 24)");
    this.used++;
    return { close: () => this.used-- };
  }
}

function connectionsOf(process: Process, most = 20_000) {
  const clock = new FakeClock();
  const descriptors = new Descriptors({
    most,
    firstStep: 16,
    lastStep: 1024,
    reserve: RESERVE,
    believedMs: BELIEVED_MS,
    tryOpen: () => process.open(),
    clock,
  });
  const open: { close(): void }[] = [];
  /** As many as are let in, of `count`. */
  const come = (count: number) => {
    for (let i = 0; i < count; i++) if (descriptors.admits(open.length)) open.push(process.open());
    return open.length;
  };
  const go = (count: number) => open.splice(0, count).forEach((one) => one.close());
  return { descriptors, come, go, clock };
}

for (const limit of [200, 1024, 4096, 20_000]) {
  Deno.test(`of ${limit} descriptors connections leave what files need, and take the rest`, () => {
    const process = new Process(limit);
    const { come } = connectionsOf(process);
    const open = come(2 * limit);
    assertEquals(open, Math.min(20_000, limit - 40 - RESERVE));
    assert(process.limit - process.used >= Math.min(RESERVE, limit - 40 - open));
  });
}

Deno.test("where there are few descriptors the first connections are let in all the same", () => {
  assertEquals(connectionsOf(new Process(100)).come(300), 16);
});

Deno.test("no more are let in than is configured, however many descriptors there are", () => {
  assertEquals(connectionsOf(new Process(100_000), 500).come(1000), 500);
});

Deno.test("who goes makes room at once; what files gave back is found after a while", () => {
  const process = new Process(1024);
  const { come, go, clock } = connectionsOf(process);
  const files = Array.from({ length: 400 }, () => process.open());
  const open = come(1000);
  assertEquals(open, 1024 - 440 - RESERVE);
  go(10);
  assertEquals(come(1000), open);
  for (const file of files) file.close();
  assertEquals(come(1000), open);
  clock.advance(BELIEVED_MS);
  assertEquals(come(2000), 1024 - 40 - RESERVE);
});

Deno.test("many who are refused cost few tries", () => {
  const process = new Process(200);
  const { come } = connectionsOf(process);
  come(100);
  process.tried = 0;
  come(100_000);
  assertEquals(process.tried, 0);
});

Deno.test("lower() holds for a while, and never below one", () => {
  const { descriptors, clock } = connectionsOf(new Process(1024));
  descriptors.lower(-5);
  assertEquals([descriptors.admits(0), descriptors.admits(1)], [true, false]);
  clock.advance(BELIEVED_MS);
  assertEquals(descriptors.admits(1), true);
});
