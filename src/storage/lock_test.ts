/** The directory lock: flock(2) tells two descriptors of one process apart, so one process shows what two would. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DirectoryLock, DirectoryLockedError } from "./lock.ts";
import { StoreError } from "./store.ts";

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

Deno.test("the lock of a directory that is not there is a StoreError, not a lock held by another", async () => {
  const error = await assertRejects(() => DirectoryLock.take("/nonexistent/runnel"), StoreError);
  assertEquals(error.kind, "absent");
});
