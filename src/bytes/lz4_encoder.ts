/**
 * Lz4Encoder: compresses blocks of up to 64 KiB, in WebAssembly, which does it in half the time of JavaScript. How a block
 * looks stands in lz4.ts of protocol/records.
 *
 * Greedy, as LZ4's own fast way: the next four bytes are looked for where their hash was last seen, and the longer nothing
 * is found the larger are the steps. Positions are counted within the block, so they take 16 bits, and the table of them
 * stays in the processor's nearest cache. Copies and comparisons go in steps of sixteen bytes and touch up to as many
 * further than asked: what is read there never counts, what is written there is overwritten or beyond the result.
 */
import * as wasm from "./wasm.ts";
import {
  add,
  all16,
  and,
  branch,
  branchIf,
  differ,
  either,
  equal,
  giveBack,
  less,
  load128,
  load16,
  load32,
  loop,
  more,
  multiply,
  notLess,
  or,
  sameBytes,
  set,
  shiftLeft,
  shiftRight,
  store128,
  store16,
  store8,
  sub,
  when,
  xor,
  zerosBelow,
} from "./wasm.ts";

/** The longest block. */
export const BLOCK_BYTES = 65536;

/** The format: a block's last five bytes are literals, and no match begins in its last twelve. */
const LAST_LITERALS = 5, LAST_MATCH = 12;
const HASH_BITS = 13, PRIME = 0x9e3779b1;
/** What may be touched behind the input and the output. */
const SLOP = 64;
/** Addresses: positions by hash, the input, the output, which grows by a byte in 255 at most. */
const TABLE = 0, TABLE_END = 2 << HASH_BITS, INPUT = TABLE_END;
const OUTPUT = INPUT + BLOCK_BYTES + SLOP;
const MEMORY_END = OUTPUT + BLOCK_BYTES + Math.ceil(BLOCK_BYTES / 255) + 16 + SLOP;
const PAGE = 65536;

export class Lz4Encoder {
  readonly #memory: Uint8Array;
  readonly #encode: (at: number, end: number, to: number) => number;

  constructor() {
    module ??= new WebAssembly.Module(assembled());
    const { memory, lz4 } = new WebAssembly.Instance(module).exports as unknown as {
      readonly memory: WebAssembly.Memory;
      readonly lz4: (at: number, end: number, to: number) => number;
    };
    this.#memory = new Uint8Array(memory.buffer);
    this.#encode = lz4;
  }

  /** The block compressed, in memory that the next one overwrites. It may be longer than the block. */
  encoded(block: Uint8Array): Uint8Array {
    this.#memory.set(block, INPUT);
    return this.#memory.subarray(OUTPUT, this.#encode(INPUT, INPUT + block.length, OUTPUT));
  }
}

let module: WebAssembly.Module | null = null;

function assembled(): Uint8Array<ArrayBuffer> {
  const shape = { parameters: 3, results: 1, locals: { i32: 9 } } as const;
  const pages = Math.ceil(MEMORY_END / PAGE);
  return wasm.assemble({ pages, functions: [{ name: "lz4", ...shape, body: lz4() }] });
}

const [at, end, to, first, literal, match, word, slot, length, token, source, target] = wasm.locals(
  0,
  12,
);

const advance = (local: wasm.Local, by: wasm.Value) => set(local, add(local, by));

function lz4(): wasm.Code {
  const next = wasm.label();
  const isOver = notLess(at, sub(end, LAST_MATCH));
  return [
    clearTable(),
    set(first, at),
    set(literal, at),
    // An empty slot means the block's first byte, so that one is not looked for.
    advance(at, 1),
    when(
      more(sub(end, first), LAST_MATCH + 1),
      loop(
        next,
        set(word, load32(at)),
        set(slot, slotOf(word)),
        set(match, add(first, load16(slot, TABLE))),
        store16(slot, sub(at, first), TABLE),
        when(
          differ(load32(match), word),
          // Hurries through what does not compress.
          advance(at, add(1, shiftRight(sub(at, literal), 6))),
          [
            findEnd(),
            writeLiterals(sub(at, literal), () => [
              store16(to, sub(at, match)),
              advance(to, 2),
              set(length, sub(sub(source, at), 4)),
              set(token, or(token, lesserOf15(length))),
              writeLength(),
            ]),
            set(at, source),
            set(literal, at),
            store16(slotOf(load32(sub(at, 2))), sub(sub(at, 2), first), TABLE),
          ],
        ),
        when(isOver, [], branch(next)),
      ),
    ),
    writeLiterals(sub(end, literal), () => []),
    giveBack(to),
  ];
}

function clearTable(): wasm.Code {
  const again = wasm.label();
  return [
    set(target, TABLE),
    loop(
      again,
      store128(target, all16(0)),
      advance(target, 16),
      branchIf(again, less(target, TABLE_END)),
    ),
  ];
}

/** From TABLE on. */
const slotOf = (four: wasm.Value) =>
  shiftLeft(shiftRight(multiply(four, PRIME), 32 - HASH_BITS), 1);

/** Leaves in `source` where what is the same from `at` and from `match` on ends; four bytes are known to be. */
function findEnd(): wasm.Code {
  const again = wasm.label();
  return [
    set(source, add(at, 4)),
    set(target, add(match, 4)),
    loop(
      again,
      // A bit beyond the sixteen stands for where the next ones begin.
      set(
        length,
        zerosBelow(or(xor(sameBytes(load128(source), load128(target)), 0xffff), 0x10000)),
      ),
      advance(source, length),
      advance(target, length),
      branchIf(again, and(equal(length, 16), less(source, sub(end, LAST_LITERALS)))),
    ),
    when(more(source, sub(end, LAST_LITERALS)), set(source, sub(end, LAST_LITERALS))),
  ];
}

/** `count` bytes from `literal` on behind a token, whose match `then` writes; it may use all but `source`. */
function writeLiterals(count: wasm.Value, then: () => wasm.Code): wasm.Code {
  const again = wasm.label(), tokenAt = slot, copied = word;
  return [
    set(tokenAt, to),
    advance(to, 1),
    set(length, count),
    set(token, shiftLeft(lesserOf15(length), 4)),
    writeLength(),
    set(length, count),
    set(copied, 0),
    loop(
      again,
      store128(add(to, copied), load128(add(literal, copied))),
      advance(copied, 16),
      branchIf(again, less(copied, length)),
    ),
    advance(to, length),
    then(),
    store8(tokenAt, token),
  ];
}

/** No more than 15, which is what four bits of a token hold. */
const lesserOf15 = (local: wasm.Local) => either(less(local, 15), local, 15);

/** What of `length` a token's four bits could not hold. */
function writeLength(): wasm.Code {
  const again = wasm.label();
  return when(notLess(length, 15), [
    set(length, sub(length, 15)),
    when(
      notLess(length, 255),
      loop(
        again,
        store8(to, 255),
        advance(to, 1),
        set(length, sub(length, 255)),
        branchIf(again, notLess(length, 255)),
      ),
    ),
    store8(to, length),
    advance(to, 1),
  ]);
}
