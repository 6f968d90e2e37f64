/**
 * A small assembler of WebAssembly, for the few loops that JavaScript runs too slowly. Code is written inside out, as
 * expressions are: `set(at, add(at, 1))`. Branches name the loop they lead to. Only what is used is here, and
 * only i32 (numbers; addresses and comparisons are unsigned) and v128 (sixteen bytes).
 *
 *     const [n, sum] = locals(0, 2), again = label();
 *     const body = [loop(again, set(sum, add(sum, n)), set(n, sub(n, 1)), branchIf(again, n)), sum];
 *     assemble({ pages: 1, functions: [{ name: "sum", parameters: 1, results: 1, locals: { i32: 1 }, body }] });
 */

/** Instructions in order; a plain number within is a byte of them. */
export type Code = number | Label | readonly Code[] | Structure;

/** What branches lead to: the beginning of its loop. Written as how far out that lies. */
export interface Label {
  readonly kind: "label";
}

interface Structure {
  readonly kind: "structure";
  readonly opcode: number;
  readonly label: Label;
  readonly body: Code;
}

/** Code that leaves a value; a number stands for the i32 constant. */
export type Value = number | readonly Code[];

/** A parameter (they come first) or local: as a Value, what it holds. */
export type Local = readonly [0x20, number];

export interface WasmFunction {
  readonly name: string;
  /** All are i32. */
  readonly parameters: number;
  /** 1: the body leaves an i32. */
  readonly results: 0 | 1;
  /** Behind the parameters, those of i32 first. */
  readonly locals: { readonly i32?: number; readonly v128?: number };
  readonly body: Code;
}

const I32 = 0x7f, V128 = 0x7b, NOTHING = 0x40;
const LOOP = 0x03, IF = 0x04, ELSE = 0x05, END = 0x0b;

/** The module, which exports its functions and, as "memory", a memory of so many pages of 64 KiB that may grow. */
export function assemble(
  module: { pages: number; functions: readonly WasmFunction[] },
): Uint8Array<ArrayBuffer> {
  const { pages, functions } = module;
  const many = (parts: number[][]) => [...leb(parts.length), ...parts.flat()];
  const section = (id: number, body: number[]) => [id, ...leb(body.length), ...body];
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  const typeOf = (f: WasmFunction) => [
    0x60,
    f.parameters,
    ...new Array(f.parameters).fill(I32),
    f.results,
    ...new Array(f.results).fill(I32),
  ];
  const codeOf = ({ locals, body }: WasmFunction) => {
    const { i32 = 0, v128 = 0 } = locals;
    const code = [2, ...leb(i32), I32, ...leb(v128), V128, ...flat(body), END];
    return [...leb(code.length), ...code];
  };
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // "\0asm", version 1
    ...section(1, many(functions.map(typeOf))),
    ...section(3, many(functions.map((_, i) => leb(i)))), // each function's type
    ...section(5, [1, 0, ...leb(pages)]), // one memory
    ...section(
      7,
      many([
        [...name("memory"), 2, 0],
        ...functions.map((f, i) => [...name(f.name), 0, ...leb(i)]),
      ]),
    ),
    ...section(10, many(functions.map(codeOf))),
  ]);
}

function flat(code: Code, outer: readonly Label[] = [], into: number[] = []): number[] {
  if (typeof code === "number") into.push(code);
  else if ("length" in code) { for (const part of code) flat(part, outer, into); }
  else if (code.kind === "label") into.push(...leb(depthOf(code, outer)));
  else {
    into.push(code.opcode, NOTHING);
    flat(code.body, [code.label, ...outer], into);
    into.push(END);
  }
  return into;
}

function depthOf(label: Label, outer: readonly Label[]): number {
  const depth = outer.indexOf(label);
  if (depth === -1) throw new Error("A branch leads to a label that is not around it");
  return depth;
}

/** LEB128, the integers of WebAssembly. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value >>>= 7) bytes.push(value & 127 | 128);
  return [...bytes, value];
}

/** The same with a sign, which is bit 6 of the last byte. */
function signedLeb(value: number): number[] {
  const bytes: number[] = [];
  for (; value < -64 || value > 63; value >>= 7) bytes.push(value & 127 | 128);
  return [...bytes, value & 127];
}

export const label = (): Label => ({ kind: "label" });
export const locals = (first: number, count: number): Local[] =>
  Array.from({ length: count }, (_, i) => [0x20, first + i] as const);

const value = (v: Value): Code => typeof v === "number" ? [0x41, signedLeb(v | 0)] : v;
export const set = (local: Local, v: Value): Code => [value(v), 0x21, leb(local[1])];

const structure = (opcode: number, label: Label, body: Code): Structure => ({
  kind: "structure",
  opcode,
  label,
  body,
});
export const loop = (begin: Label, ...body: Code[]): Code => structure(LOOP, begin, body);
export const when = (condition: Value, then: Code, otherwise?: Code): Code => [
  value(condition),
  structure(IF, label(), otherwise === undefined ? then : [then, ELSE, otherwise]),
];
export const branch = (to: Label): Code => [0x0c, to];
export const branchIf = (to: Label, condition: Value): Code => [value(condition), 0x0d, to];
/** Where control never comes, to please the validator. */
export const unreachable = 0x00;
export const giveBack = (v: Value): Code => [value(v), 0x0f];

const binary =
  (opcode: number) => (a: Value, b: Value): readonly Code[] => [value(a), value(b), opcode];
export const add = binary(0x6a),
  sub = binary(0x6b),
  multiply = binary(0x6c),
  and = binary(0x71),
  or = binary(0x72),
  xor = binary(0x73);
export const shiftLeft = binary(0x74), shiftRight = binary(0x76);
export const equal = binary(0x46), less = binary(0x49), more = binary(0x4b);
export const notLess = binary(0x4f);
export const differ = binary(0x47);
/** One of two values, of which both are computed. */
export const either = (condition: Value, then: Value, otherwise: Value): readonly Code[] => [
  value(then),
  value(otherwise),
  value(condition),
  0x1b,
];
/** How many bits are 0 below the lowest that is 1; 32 where none is. */
export const zerosBelow = (v: Value): readonly Code[] => [value(v), 0x68];

/** An access to memory at an address plus `offset`, aligned or not. */
const load = (...opcode: number[]) => (at: Value, offset = 0): readonly Code[] => [
  value(at),
  opcode,
  0,
  leb(offset),
];
const store = (...opcode: number[]) => (at: Value, v: Value, offset = 0): Code => [
  value(at),
  value(v),
  opcode,
  0,
  leb(offset),
];
export const load8 = load(0x2d), load16 = load(0x2f), load32 = load(0x28);
export const store8 = store(0x3a), store16 = store(0x3b), store32 = store(0x36);

const simd = (opcode: number) => [0xfd, ...leb(opcode)];
const simdBinary = (opcode: number) => (a: Value, b: Value): readonly Code[] => [
  value(a),
  value(b),
  simd(opcode),
];
export const load128 = load(...simd(0x00)), store128 = store(...simd(0x0b));
export const and128 = simdBinary(0x4e), xor128 = simdBinary(0x51);
/** Each 16 bits shifted. */
export const shiftRight16x8 = simdBinary(0x8d);
/** Sixteen bits, of which each says whether a byte of one is that of the other. */
export const sameBytes = (a: Value, b: Value): readonly Code[] => [
  simdBinary(0x23)(a, b),
  simd(0x64),
];
/** Byte i of the result is byte b[i] of a. (i8x16.relaxed_swizzle: undefined unless every b[i] is below 16.) */
export const pick = simdBinary(0x100);
export const all16 = (byte: number): readonly Code[] => [simd(0x0c), new Array(16).fill(byte)];
