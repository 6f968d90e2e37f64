import { assertEquals, assertRejects } from "@std/assert";
import { jsonLines } from "./json_lines.ts";

const ENCODER = new TextEncoder();

Deno.test("lines come whole, wherever the chunks are cut", async () => {
  const all = ENCODER.encode('{"a":"ö😀"}\n\n[1,2]\n{"cut":');
  for (let size = 1; size <= all.length; size++) {
    assertEquals(await read(all, size, 100), [{ a: "ö😀" }, [1, 2]], `chunks of ${size}`);
  }
});

Deno.test("a line without an end is given up at the limit", async () => {
  await assertRejects(() => read(ENCODER.encode("x".repeat(200)), 10, 100), Error, "100");
});

async function read(bytes: Uint8Array, size: number, maxLength: number): Promise<unknown[]> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  return await Array.fromAsync(jsonLines(chunks(), maxLength));
}
