/** What a connection does with the pool's memory when its peer goes away. */
import { assertEquals } from "@std/assert";
import { BufferPool } from "../bytes/pool.ts";
import { Connection, type Socket } from "./connection.ts";

const FRAME = new Uint8Array([0, 0, 0, 1, 7]);

/** Sends one frame, and goes away before it has taken the reply. */
function goingAway(): Socket {
  let isSent = false;
  return {
    read(into) {
      if (isSent) return new Promise(() => {});
      isSent = true;
      into.set(FRAME);
      return Promise.resolve(FRAME.length);
    },
    write: () => Promise.reject(new Deno.errors.BrokenPipe("gone")),
    close() {},
  };
}

for (const sizes of [[1 << 20], [64, 1 << 20, 64]]) {
  Deno.test(`a peer that goes away leaves no memory lent: a reply of ${sizes}`, async () => {
    const pool = new BufferPool({ keepBytes: 0 });
    let lentBytes = 0;
    const connection = new Connection(goingAway(), {
      id: 1,
      peer: "test",
      pool,
      limits: {
        maxFrameBytes: 1024,
        maxQueuedRequests: 8,
        maxQueuedBytes: 1 << 24,
        maxBufferedBytes: 1 << 24,
      },
      dispatch: () => {
        const reply = sizes.map((size) => pool.take(size).subarray(0, size));
        lentBytes = pool.lentBytes;
        return reply;
      },
    });
    connection.serve();
    await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(lentBytes >= 1 << 20, true);
    assertEquals(pool.lentBytes, 0);
  });
}
