/**
 * Proves that what the assembler puts together is what WebAssembly runs: constants of every size, memory, branches out
 * of nested blocks, functions side by side. Vectors are proven by who uses them (crc32c_test.ts, block_decoder_test.ts).
 */
import { assertEquals, assertThrows } from "@std/assert";
import * as wasm from "./wasm.ts";

type Call = (...numbers: number[]) => number;

/** The function with this body, i32 parameters, and as many i32 locals as it likes. */
function assembled(parameters: number, body: wasm.Code): Call {
  const one = { name: "f", parameters, results: 1, locals: { i32: 4 }, body } as const;
  const other = {
    name: "other",
    parameters: 0,
    results: 1,
    locals: {},
    body: wasm.add(40, 2),
  } as const;
  const bytes = wasm.assemble({ pages: 1, functions: [other, one] });
  const { f, other: answer } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
    .exports as Record<string, Call>;
  assertEquals(answer(), 42);
  return f;
}

Deno.test("constants come out as they went in, whatever their size and sign", () => {
  for (const size of [0, 5, 6, 7, 13, 14, 20, 21, 27, 28, 30, 31]) {
    for (const near of [-1, 0, 1]) {
      for (const sign of [-1, 1]) {
        const n = sign * 2 ** size + near;
        assertEquals(assembled(0, wasm.add(n, 0))(), n | 0);
      }
    }
  }
  assertEquals(assembled(0, wasm.add(0xffffffff, 0))(), -1);
});

Deno.test("a loop goes on while its branch is taken", () => {
  const [n, sum] = wasm.locals(0, 2), again = wasm.label();
  const f = assembled(1, [
    wasm.loop(
      again,
      wasm.set(sum, wasm.add(sum, n)),
      wasm.set(n, wasm.sub(n, 1)),
      wasm.branchIf(again, n),
    ),
    sum,
  ]);
  assertEquals(f(4), 10);
});

Deno.test("branches lead to the loop they name, out of what they are nested in", () => {
  const [a, b, product, i] = wasm.locals(0, 4), outer = wasm.label(), inner = wasm.label();
  const f = assembled(2, [
    wasm.loop(
      outer,
      wasm.set(i, b),
      wasm.loop(
        inner,
        wasm.set(product, wasm.add(product, 1)),
        wasm.set(i, wasm.sub(i, 1)),
        wasm.when(i, wasm.branch(inner), [
          wasm.set(a, wasm.sub(a, 1)),
          wasm.when(wasm.equal(a, 0), wasm.giveBack(product)),
          wasm.branch(outer),
        ]),
      ),
    ),
    wasm.unreachable,
  ]);
  assertEquals([f(1, 1), f(3, 5), f(7, 2)], [1, 15, 14]);
});

Deno.test("comparisons and shifts take numbers without sign", () => {
  const [a, b] = wasm.locals(0, 2);
  const of = (operation: (a: wasm.Value, b: wasm.Value) => wasm.Code) =>
    [[-1, 1], [1, -1], [7, 7]].map(([x, y]) => assembled(2, operation(a, b))(x, y));
  assertEquals(of(wasm.less), [0, 1, 0]);
  assertEquals(of(wasm.more), [1, 0, 0]);
  assertEquals(of(wasm.notLess), [1, 0, 1]);
  assertEquals(of(wasm.shiftRight), [0x7fffffff, 0, 0]);
});

Deno.test("memory is read and written at an address plus an offset, little-endian", () => {
  const f = assembled(0, [
    wasm.store32(1, 0x44332211, 200),
    wasm.or(wasm.load32(1, 200), wasm.or(wasm.load8(201), wasm.load16(200, 2))),
  ]);
  assertEquals(f(), 0x44332211 | 0x11 | 0x3322);
});

Deno.test("a branch to a label that is not around it is refused", () => {
  assertThrows(() => assembled(0, wasm.branch(wasm.label())), Error, "not around it");
});
