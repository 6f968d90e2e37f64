/** Proves that lines come out whole wherever chunks are cut, and that one too long is refused before it is held. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Lines, LineTooLong } from "./lines.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (line: Uint8Array) => new TextDecoder().decode(line);

Deno.test("lines are the same wherever the chunks are cut", () => {
  const all = "one\n\ntwo\r\n\n\nthree";
  for (let size = 1; size <= all.length; size++) {
    const lines = new Lines(100), found: string[] = [];
    for (let at = 0; at < all.length; at += size) {
      for (const line of lines.fed(bytes(all.slice(at, at + size)))) found.push(text(line));
    }
    const rest = lines.rest();
    assertEquals(found, ["one", "", "two\r", "", ""], `in chunks of ${size}`);
    assertEquals(rest && text(rest), "three");
  }
});

Deno.test("behind the last line feed there is no line", () => {
  const lines = new Lines(100);
  assertEquals([...lines.fed(bytes("a\n"))].map(text), ["a"]);
  assertEquals(lines.rest(), null);
  assertEquals([...lines.fed(bytes(""))], []);
});

Deno.test("a line that is too long is refused, and one just as long is not", () => {
  const lines = new Lines(4);
  assertEquals([...lines.fed(bytes("1234\n12"))].map(text), ["1234"]);
  assertThrows(() => [...lines.fed(bytes("345"))], LineTooLong, "longer than 4 bytes");
});

Deno.test("a line that comes byte by byte takes the room of its bytes", () => {
  const lines = new Lines(8 << 20), one = bytes("x"), count = 4 << 20;
  const before = Deno.memoryUsage();
  for (let i = 0; i < count; i++) [...lines.fed(one)];
  const after = Deno.memoryUsage();
  const taken = after.heapUsed + after.external - before.heapUsed - before.external;
  assert(taken < 16 * count, `${taken} bytes for a line of ${count}`);
  assertEquals([...lines.fed(bytes("\n"))].map(({ length }) => length), [count]);
});
