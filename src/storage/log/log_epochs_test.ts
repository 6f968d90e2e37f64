/** Proves that whoever saves a log's epochs waits for a save that is under way, and tries again what that one could not do. */
import { assertEquals, assertRejects } from "@std/assert";
import { StoreError } from "../store.ts";
import type { LogContext } from "./log_context.ts";
import { LogEpochs } from "./log_epochs.ts";

/** Epochs of an empty log, over a store that writes nothing until it is told how that ends. */
function world() {
  const writes: { readonly text: string; readonly end: (error?: Error) => void }[] = [];
  const store = {
    readAll: () => null,
    replace: (_path: string, bytes: Uint8Array) =>
      new Promise<void>((resolve, reject) => {
        const end = (error?: Error) => error === undefined ? resolve() : reject(error);
        writes.push({ text: new TextDecoder().decode(bytes), end });
      }),
  };
  const log = { folder: "t-0", segments: [], logStartOffset: 0, logEndOffset: 0, leaderEpoch: 0 };
  return { epochs: new LogEpochs({ store } as unknown as LogContext, log, true), writes };
}

const turn = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("a save that has nothing to write ends when the one under way has", async () => {
  const { epochs, writes } = world();
  epochs.assign(0, 0);
  const first = epochs.save();
  await turn();
  let hasEnded = false;
  const second = epochs.save().then(() => hasEnded = true);
  await turn();
  assertEquals([writes.length, hasEnded], [1, false]);
  writes[0].end();
  await Promise.all([first, second]);
  assertEquals(writes.map(({ text }) => text), ["0\n1\n0 0\n"]);
});

Deno.test("what the one under way could not write is written by the next, and two do not write at once", async () => {
  const { epochs, writes } = world();
  epochs.assign(0, 0);
  const first = assertRejects(() => epochs.save(), StoreError, "full");
  await turn();
  const others = [epochs.save(), epochs.save()];
  epochs.assign(1, 0);
  writes[0].end(new StoreError("full", "noSpace"));
  await first;
  await turn();
  assertEquals(writes.length, 2);
  writes[1].end();
  await Promise.all(others);
  assertEquals(writes.map(({ text }) => text), ["0\n1\n0 0\n", "0\n1\n1 0\n"]);
});

Deno.test("who waits for the log to be left alone waits for a save that waits, too", async () => {
  const { epochs, writes } = world();
  epochs.assign(0, 0);
  const saves = [epochs.save()];
  await turn();
  epochs.assign(1, 0);
  saves.push(epochs.save());
  let isSettled = false;
  const settled = epochs.settled().then(() => isSettled = true);
  writes[0].end();
  await turn();
  assertEquals([writes.length, isSettled], [2, false]);
  writes[1].end();
  await Promise.all([...saves, settled]);
});
