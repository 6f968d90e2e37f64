/**
 * Folder: shortens a message to fewer than 256 bytes that leave the same CRC-32C register, in WebAssembly SIMD.
 *
 * A CRC is linear. A byte standing in one 128-byte block of a message can be moved into the next block if what is
 * XORed there leaves the register the same. View a block as 8 rows of 16 bytes, the even and the odd rows as two
 * groups of four. The byte in row i, column k has the same effect as some four bytes in column k of the same group
 * in the next block: 32 bits decide the effect, and the 8 bits in each of four rows span them all (with rows 32 bytes
 * apart; with rows 16 apart they span only 31). Which four does not depend on k, nor on the group. So one step moves
 * a group of rows, sixteen columns at once: each row is split into nibbles, each nibble looked up in a 16-entry table
 * per target row (a SIMD shuffle is that look-up), the results XORed into the next block. 32 shuffles move 64 bytes.
 *
 * The folding instructions of CPUs multiply polynomials without carry; WebAssembly has none, and this needs none.
 * The module is assembled below, byte by byte, because it is one loop.
 */
const BLOCK = 128;
const ROW_STEP = 32; // from one row of a group to the next
const TABLE_BYTES = 4 * 2 * 4 * 16; // row × nibble × target row × 16 entries
const CAPACITY = 2 * 65536 - TABLE_BYTES;

type Update = (register: number, bytes: Uint8Array, from: number, to: number) => number;

export class Folder {
  /** The message goes in here, from 0 on. */
  readonly memory: Uint8Array;
  readonly capacity = CAPACITY;
  readonly #fold: (from: number, last: number) => void;

  constructor(update: Update) {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(assemble()));
    const { memory, fold } = instance.exports as {
      memory: WebAssembly.Memory;
      fold: (from: number, last: number) => void;
    };
    new Uint8Array(memory.buffer, 0, TABLE_BYTES).set(foldTables(update));
    this.memory = new Uint8Array(memory.buffer, TABLE_BYTES, CAPACITY);
    this.#fold = fold;
  }

  /** Folds the first `size` bytes; what is left to checksum, with a register of 0, begins at the returned position. */
  fold(size: number): number {
    if (size < 2 * BLOCK) return 0;
    const last = size - size % BLOCK - BLOCK;
    this.#fold(TABLE_BYTES, TABLE_BYTES + last);
    return last;
  }
}

/** The sixteen bytes at ((row * 2 + nibble) * 4 + target) * 16: what a nibble becomes in the target row. */
function foldTables(update: Update): Uint8Array {
  const message = new Uint8Array(2 * BLOCK);
  const effect = (at: number, value: number) => {
    message.fill(0)[at] = value;
    return update(0, message, 0, message.length);
  };
  const spell = solver((bit) => effect(BLOCK + ROW_STEP * (bit >> 3), 1 << (bit & 7)));
  const tables = new Uint8Array(TABLE_BYTES);
  for (let half = 0; half < 8; half++) {
    for (let v = 0; v < 16; v++) {
      const bits = spell(effect(ROW_STEP * (half >> 1), half & 1 ? v << 4 : v));
      for (let target = 0; target < 4; target++) {
        tables[(half * 4 + target) * 16 + v] = bits >>> 8 * target;
      }
    }
  }
  return tables;
}

/** Given what each of 32 bits does to the register, answers which bits together do a wanted thing (Gauss-Jordan). */
function solver(effect: (bit: number) => number): (wanted: number) => number {
  const rows: Row[] = [];
  for (let bit = 0; bit < 32; bit++) {
    const row = { effect: effect(bit), bits: 1 << bit };
    for (const r of rows) if (reduces(r.effect, row.effect)) add(row, r);
    for (const r of rows) if (reduces(row.effect, r.effect)) add(r, row);
    rows.push(row);
  }
  return (wanted) => {
    const sum = { effect: wanted, bits: 0 };
    for (const r of rows) if (reduces(r.effect, sum.effect)) add(sum, r);
    return sum.bits;
  };
}

/** Whether `other` has the highest bit of `pivot` set. */
const reduces = (pivot: number, other: number) => (other >>> 31 - Math.clz32(pivot) & 1) === 1;

interface Row {
  effect: number;
  bits: number;
}

function add(to: Row, row: Row): void {
  to.effect ^= row.effect;
  to.bits ^= row.bits;
}

/** The module: exports a memory of two pages and fold(at, last), which leaves the folded block at `last`. */
function assemble(): Uint8Array<ArrayBuffer> {
  const section = (id: number, ...body: number[]) => [id, ...leb(body.length), ...body];
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  const code = foldCode();
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // "\0asm", version 1
    ...section(1, 1, 0x60, 2, I32, I32, 0), // types: (i32, i32) -> ()
    ...section(3, 1, 0), // functions: one, of type 0
    ...section(5, 1, 0, 2), // memory: two pages of 64 KiB
    ...section(7, 2, ...name("memory"), 2, 0, ...name("fold"), 0, 0),
    ...section(10, 1, ...leb(code.length), ...code),
  ]);
}

/**
 * fold(at, last):
 *     row0..row7 = block at `at`
 *     loop: at += 128; row0..row7 = moved(row0..row7) ^ block at `at`; again while at < last
 *     store row0..row7 at `last`
 */
function foldCode(): number[] {
  const AT = 0, LAST = 1, ROW = 2, NEXT = 10, NIBBLE = 14; // locals; eight rows, four next ones
  const body: number[] = [];
  for (let row = 0; row < 8; row++) body.push(...get(AT), ...load(16 * row), ...set(ROW + row));
  body.push(0x03, 0x40); // loop, no result
  body.push(...get(AT), 0x41, ...leb(BLOCK, true), 0x6a, ...set(AT)); // at += 128
  for (let group = 0; group < 2; group++) {
    for (let i = 0; i < 4; i++) {
      body.push(...get(AT), ...load(ROW_STEP * i + 16 * group), ...set(NEXT + i));
    }
    for (let half = 0; half < 8; half++) {
      body.push(...get(ROW + 2 * (half >> 1) + group));
      if (half & 1) body.push(0x41, 4, ...simd(0x8d)); // i16x8.shr_u; what crosses a byte is masked off
      body.push(...constant(0x0f), ...simd(0x4e), ...set(NIBBLE)); // v128.and
      for (let target = 0; target < 4; target++) {
        body.push(0x41, 0, ...load((half * 4 + target) * 16), ...get(NIBBLE));
        body.push(...simd(0x100)); // i8x16.relaxed_swizzle: exact, as indices are below 16
        body.push(...get(NEXT + target), ...simd(0x51), ...set(NEXT + target)); // v128.xor
      }
    }
    for (let i = 0; i < 4; i++) body.push(...get(NEXT + i), ...set(ROW + 2 * i + group));
  }
  body.push(...get(AT), ...get(LAST), 0x49, 0x0d, 0, 0x0b); // br_if loop when at < last; end of loop
  for (let row = 0; row < 8; row++) body.push(...get(LAST), ...get(ROW + row), ...store(16 * row));
  return [1, 13, V128, ...body, 0x0b]; // thirteen v128 locals; end of function
}

const I32 = 0x7f, V128 = 0x7b;
const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const simd = (opcode: number) => [0xfd, ...leb(opcode)];
const load = (offset: number) => [...simd(0x00), 0, ...leb(offset)]; // v128.load, alignment 1
const store = (offset: number) => [...simd(0x0b), 0, ...leb(offset)];
const constant = (byte: number) => [...simd(0x0c), ...new Array(16).fill(byte)]; // v128.const

/** LEB128, the integers of WebAssembly; `signed` keeps bit 6 of the last byte free for the sign of a positive number. */
function leb(value: number, signed = false): number[] {
  const bytes: number[] = [];
  for (; value >= (signed ? 64 : 128); value >>>= 7) bytes.push(value & 127 | 128);
  return [...bytes, value];
}
