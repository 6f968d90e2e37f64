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
 */
import * as wasm from "./wasm.ts";

const BLOCK = 128;
const ROW_STEP = 32; // from one row of a group to the next
const TABLE_BYTES = 4 * 2 * 4 * 16; // row × nibble × target row × 16 entries
const PAGES = 2;
const CAPACITY = PAGES * 65536 - TABLE_BYTES;

type Update = (register: number, bytes: Uint8Array, from: number, to: number) => number;

export class Folder {
  /** The message goes in here, from 0 on. */
  readonly memory: Uint8Array;
  readonly capacity = CAPACITY;
  readonly #fold: (from: number, last: number) => void;

  constructor(update: Update) {
    const fold = { name: "fold", parameters: 2, results: 0, locals: { v128: VECTORS } } as const;
    const module = wasm.assemble({ pages: PAGES, functions: [{ ...fold, body: foldCode() }] });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module));
    const exports = instance.exports as {
      memory: WebAssembly.Memory;
      fold: (from: number, last: number) => void;
    };
    new Uint8Array(exports.memory.buffer, 0, TABLE_BYTES).set(foldTables(update));
    this.memory = new Uint8Array(exports.memory.buffer, TABLE_BYTES, CAPACITY);
    this.#fold = exports.fold;
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

/**
 * fold(at, last), which leaves the folded block at `last`:
 *     row0..row7 = block at `at`
 *     again: at += 128; row0..row7 = moved(row0..row7) ^ block at `at`; again while at < last
 *     store row0..row7 at `last`
 */
function foldCode(): wasm.Code {
  const [at, last, ...vectors] = wasm.locals(0, 2 + VECTORS), again = wasm.label();
  const row = vectors.slice(0, 8), next = vectors.slice(8, 12), nibble = vectors[12];
  const moved = (group: number) => [
    next.map((n, i) => wasm.set(n, wasm.load128(at, ROW_STEP * i + 16 * group))),
    Array.from({ length: 8 }, (_, half) => {
      const from = row[2 * (half >> 1) + group];
      const shifted = half & 1 ? wasm.shiftRight16x8(from, 4) : from; // what crosses a byte is masked off
      return [
        wasm.set(nibble, wasm.and128(shifted, wasm.all16(0x0f))),
        next.map((n, target) => {
          const table = wasm.load128(0, (half * 4 + target) * 16);
          return wasm.set(n, wasm.xor128(wasm.pick(table, nibble), n));
        }),
      ];
    }),
    next.map((n, i) => wasm.set(row[2 * i + group], n)),
  ];
  return [
    row.map((r, i) => wasm.set(r, wasm.load128(at, 16 * i))),
    wasm.loop(
      again,
      wasm.set(at, wasm.add(at, BLOCK)),
      moved(0),
      moved(1),
      wasm.branchIf(again, wasm.less(at, last)),
    ),
    row.map((r, i) => wasm.store128(last, r, 16 * i)),
  ];
}

/** Eight rows, four next ones of a group, and the nibbles. */
const VECTORS = 13;
