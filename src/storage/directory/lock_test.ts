/** The directory lock: flock(2) tells two descriptors of one process apart, so one process shows what two would. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DirectoryLock, DirectoryLockedError } from "./lock.ts";
import { StoreError } from "../store.ts";

Deno.test("a second lock of the same directory is refused until the first is released", async () => {
  const directory = Deno.makeTempDirSync({ prefix: "runnel-lock-" });
  try {
    const first = await DirectoryLock.take(directory);
    const error = await assertRejects(() => DirectoryLock.take(directory), DirectoryLockedError);
    assert(error.message.includes(directory), error.message);
    assertEquals(error.directory, directory);
    first.release();
    using _second = await DirectoryLock.take(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("a lock holds though .lock is removed or replaced, and by whatever path the directory is reached", async () => {
  const parent = Deno.makeTempDirSync({ prefix: "runnel-lock-" });
  const directory = `${parent}/data`;
  try {
    Deno.mkdirSync(directory);
    const first = await DirectoryLock.take(directory);
    const isRefused = (path: string) =>
      assertRejects(() => DirectoryLock.take(path), DirectoryLockedError);
    Deno.removeSync(`${directory}/.lock`);
    await isRefused(directory);
    Deno.writeTextFileSync(`${directory}/.lock`, "");
    await isRefused(directory);
    Deno.symlinkSync(directory, `${parent}/link`);
    await isRefused(`${parent}/link`);
    await isRefused(`${parent}/link/../data/.`);
    first.release();
    using _second = await DirectoryLock.take(`${parent}/link`);
    await isRefused(directory);
  } finally {
    Deno.removeSync(parent, { recursive: true });
  }
});

Deno.test("who holds .lock alone, as older versions do, is not run over", async () => {
  const directory = Deno.makeTempDirSync({ prefix: "runnel-lock-" });
  try {
    const options = { create: true, write: true };
    using held = Deno.openSync(`${directory}/.lock`, options);
    await held.lock(true);
    await assertRejects(() => DirectoryLock.take(directory), DirectoryLockedError);
    held.unlockSync();
    using _ours = await DirectoryLock.take(directory); // and the refusal left nothing locked
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("the lock of a directory that is not there is a StoreError, not a lock held by another", async () => {
  const error = await assertRejects(() => DirectoryLock.take("/nonexistent/runnel"), StoreError);
  assertEquals(error.kind, "absent");
});
