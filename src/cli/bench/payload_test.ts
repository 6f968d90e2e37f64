/** Proves that payloads have their size, and compress as they say. */
import { assert } from "@std/assert";
import { compress, CompressionType } from "../../protocol/records/compression.ts";
import { payloads } from "./payload.ts";

/** Of a batch of 128 KiB of them. */
function ratio(kind: Parameters<typeof payloads>[0], bytes: number): number {
  const all = payloads(kind, bytes), batch = new Uint8Array(128 << 10);
  for (let i = 0; (i + 1) * bytes <= batch.length; i++) batch.set(all[i % all.length], i * bytes);
  return compress(CompressionType.lz4, batch).length / batch.length;
}

Deno.test("random does not compress, text does, and what is the same nearly vanishes", () => {
  for (const bytes of [100, 1024, 16_384]) {
    assert(ratio("random", bytes) > 0.99, `random of ${bytes}`);
    const text = ratio("text", bytes);
    assert(text > 0.2 && text < 0.7, `text of ${bytes}: ${text}`);
    assert(ratio("same", bytes) < 0.05, `same of ${bytes}`);
  }
});

Deno.test("each has its size, from none to large, and the memory for them is bounded", () => {
  for (const kind of ["random", "text", "same"] as const) {
    for (const bytes of [0, 1, 7, 100, 1 << 20, 6 << 20]) {
      const all = payloads(kind, bytes);
      assert(all.length > 0 && all.every(({ length }) => length === bytes), `${kind} of ${bytes}`);
      assert(all.length * bytes <= Math.max(4 << 20, 2 * bytes), `${kind} of ${bytes}`);
    }
  }
});
