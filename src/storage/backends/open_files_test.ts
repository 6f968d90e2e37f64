/**
 * How many blobs keep their descriptors: what a process of this or that limit can have, and what is given back. The
 * process is a counter here; the real one is in file_store_test.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { type OpenFile, OpenFiles } from "./open_files.ts";

/** A process that may have `limit` descriptors. */
class Process {
  used: number;

  constructor(readonly limit: number, used: number) {
    this.used = used;
  }

  open(): { close(): void } {
    if (this.used >= this.limit) throw new Error("Too many open files (os error 24)");
    this.used++;
    return { close: () => this.used-- };
  }
}

function blob(process: Process, open: OpenFiles): OpenFile {
  open.add(file());
  return last!;

  function file(): OpenFile {
    const descriptor = process.open();
    const one = {
      used: true,
      dirty: false,
      busy: false,
      release: () => {
        descriptor.close();
        open.remove(one);
      },
      close: () => one.release(),
    };
    return last = one;
  }
}
let last: OpenFile | undefined;

function opened(process: Process, count: number, most = Infinity): OpenFiles {
  const open = new OpenFiles(most, () => process.open());
  for (let i = 0; i < count; i++) blob(process, open);
  return open;
}

for (const limit of [100, 256, 1024, 20_000]) {
  Deno.test(`of ${limit} descriptors some stay free for connections, however many blobs there are`, () => {
    const process = new Process(limit, 40);
    const open = opened(process, 2 * limit);
    const free = limit - process.used;
    assert(open.size >= limit * 0.3, `${open.size} blobs are open`);
    assert(free >= Math.min(limit * 0.2, 4096), `${free} descriptors are free`);
    assertEquals(process.used, 40 + open.size);
  });
}

Deno.test("where many may be open, all that are used stay open", () => {
  assertEquals(opened(new Process(65_536, 40), 20_000).size, 20_000);
});

Deno.test("no more are open than the configuration allows", () => {
  assertEquals(opened(new Process(65_536, 40), 3000, 1000).size, 1000);
  assertEquals(opened(new Process(65_536, 40), 30, 1).size, 1);
});

Deno.test("relieve() gives a quarter back, and what came free is not taken again at once", () => {
  const process = new Process(1000, 0);
  const open = opened(process, 400);
  assertEquals(open.size, 400);
  open.relieve();
  assertEquals([open.size, process.used], [300, 300]);
  for (let i = 0; i < 100; i++) blob(process, open);
  assertEquals(open.size, 300);
  for (let i = 0; i < 100; i++) open.relieve();
  assertEquals(open.size, 1);
});

Deno.test("who is busy keeps its descriptor, past the limit if need be", () => {
  const process = new Process(65_536, 0);
  const open = new OpenFiles(4, () => process.open());
  const files = Array.from({ length: 8 }, () => Object.assign(blob(process, open), { busy: true }));
  assertEquals(open.size, 8);
  for (const file of files) Object.assign(file, { busy: false });
  open.relieve();
  assertEquals(open.size, 3);
});
