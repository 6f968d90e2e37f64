import { assertEquals } from "@std/assert";
import { bytesOf, hexRows } from "./hex.ts";

Deno.test("bytes stand sixteen a row, with what of them can be read", () => {
  const bytes = Uint8Array.from([...new TextEncoder().encode("Hello, wörld! 12"), 0xff]);
  assertEquals(hexRows(bytes, 10), [
    {
      at: "00000000",
      hex: "48 65 6c 6c 6f 2c 20 77  c3 b6 72 6c 64 21 20 31",
      text: "Hello, w..rld! 1",
    },
    { at: "00000010", hex: "32 ff                  " + " ".repeat(25), text: "2." },
  ]);
});

Deno.test("no more rows than asked for, none for nothing", () => {
  assertEquals(hexRows(new Uint8Array(1000), 3).length, 3);
  assertEquals(hexRows(new Uint8Array(0), 3), []);
});

Deno.test("base64 and text become their bytes", () => {
  assertEquals(bytesOf({ encoding: "base64", text: "//79" }), Uint8Array.of(0xff, 0xfe, 0xfd));
  assertEquals(bytesOf({ encoding: "utf8", text: "ö" }), Uint8Array.of(0xc3, 0xb6));
});
