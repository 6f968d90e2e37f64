// Proves that a handler which looks at its request's bytes after an await is found out.
import { assertEquals } from "@std/assert";
import type { ConnectionInfo } from "../handlers/handler.ts";
import { poisonedFrames } from "./poisoned_frames.ts";

Deno.test("bytes of a request are gone at its handler's first await", async () => {
  const seen: number[][] = [];
  const dispatch = poisonedFrames(async (frame) => {
    seen.push([...frame]);
    await null;
    seen.push([...frame]);
    return [];
  });
  await dispatch(Uint8Array.of(1, 2), {} as ConnectionInfo);
  assertEquals(seen, [[1, 2], [0xdb, 0xdb]]);
});
