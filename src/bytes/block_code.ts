/**
 * The code of BlockDecoder: lz4(at, end, to, room) and snappy(at, end, to, room) decode one block from addresses `at`
 * to `end` into those from `to` to `room`, and answer what is wrong, or 0. How the formats look stands in lz4.ts and
 * snappy.ts of protocol/records.
 *
 * Every length is compared with what remains of the input and of the room before anything is copied, every distance
 * with what the block has written. Copies go in steps of sixteen bytes, so they read and write up to 16 bytes
 * further than asked: what they read there is never looked at, what they write there is overwritten or beyond the
 * result. The memory has that room (SLOP).
 */
import * as wasm from "./wasm.ts";
import {
  add,
  and,
  branch,
  branchIf,
  equal,
  giveBack,
  less,
  load128,
  load16,
  load32,
  load8,
  loop,
  more,
  notLess,
  or,
  set,
  shiftLeft,
  shiftRight,
  store128,
  store32,
  sub,
  when,
} from "./wasm.ts";

/** What is wrong with a block. */
export const Fault = {
  none: 0,
  /** The input ends within a length. */
  cutLength: 1,
  /** `length` literals, more than what remains. */
  literals: 2,
  /** The output would not fit. */
  room: 3,
  /** The input ends within a distance. */
  cutDistance: 4,
  /** A match of `length` bytes from `distance` back. */
  match: 5,
  /** lz4: the input ends behind a match. snappy: the block fills less than its room. */
  end: 6,
} as const;
export type Fault = typeof Fault[keyof typeof Fault];

/** How far beyond its end input and output may be touched. */
export const SLOP = 64;

/** Addresses: int32 of where decoding stopped (four of them), then the tables. */
export const STATE = 0, PATTERNS = 256, STEPS = 512;
/** From here on memory is the caller's. */
export const FREE = 1024;

/**
 * A match from less than 16 bytes back repeats itself. PATTERNS[distance] picks sixteen bytes of the repetition out
 * of the first `distance`; STEPS[distance] says how many of them are whole repetitions.
 */
export function writeTables(memory: Uint8Array): void {
  for (let distance = 1; distance < 16; distance++) {
    for (let i = 0; i < 16; i++) memory[PATTERNS + distance * 16 + i] = i % distance;
    memory[STEPS + distance] = 16 - 16 % distance;
  }
}

export function assembleDecoders(): Uint8Array<ArrayBuffer> {
  const shape = { parameters: 4, results: 1, locals: { i32: 6, v128: 1 } } as const;
  return wasm.assemble({
    pages: 1,
    functions: [
      { name: "lz4", ...shape, body: lz4() },
      { name: "snappy", ...shape, body: snappy() },
    ],
  });
}

const [at, end, to, room, first, token, length, distance, source, target, pattern] = wasm.locals(
  0,
  11,
);

const advance = (local: wasm.Local, by: wasm.Value) => set(local, add(local, by));

const stop = (fault: Fault) => [
  [at, to, length, distance].map((local, i) => store32(STATE, local, 4 * i)),
  giveBack(fault),
];

function lz4(): wasm.Code {
  const sequence = wasm.label();
  return [
    set(first, to),
    loop(
      sequence,
      when(notLess(at, end), stop(Fault.end)),
      set(token, load8(at)),
      advance(at, 1),
      set(length, shiftRight(token, 4)),
      when(equal(length, 15), longLength()),
      when(more(length, sub(end, at)), stop(Fault.literals)),
      when(more(length, sub(room, to)), stop(Fault.room)),
      copyLiterals(),
      when(equal(at, end), stop(Fault.none)),
      when(less(sub(end, at), 2), stop(Fault.cutDistance)),
      set(distance, load16(at)),
      advance(at, 2),
      when(isTooFar(), stop(Fault.match)),
      set(length, add(and(token, 15), 4)),
      when(equal(length, 19), longLength()),
      when(more(length, sub(room, to)), stop(Fault.room)),
      copyMatch(),
      branch(sequence),
    ),
    wasm.unreachable,
  ];
}

/** Adds bytes to `length` up to the first that is not 255. */
function longLength(): wasm.Code {
  const next = wasm.label();
  return loop(
    next,
    when(notLess(at, end), stop(Fault.cutLength)),
    advance(length, load8(at)),
    advance(at, 1),
    branchIf(next, equal(load8(sub(at, 1)), 255)),
  );
}

/** Whether `distance` is 0 or leads before the block. */
const isTooFar = () => notLess(sub(distance, 1), sub(to, first));

/** Copies `length` bytes, of which there may be none, from `at` to `to`, and moves both. */
function copyLiterals(): wasm.Code {
  return [
    store128(to, load128(at)),
    when(more(length, 16), [set(source, at), set(target, to), copyOn()]),
    advance(at, length),
    advance(to, length),
  ];
}

/** Goes on at `source` and `target`, of which sixteen bytes are copied, until `length` bytes from `to` are. */
function copyOn(): wasm.Code {
  const again = wasm.label();
  return loop(
    again,
    advance(source, 16),
    advance(target, 16),
    store128(target, load128(source)),
    branchIf(again, less(sub(target, to), sub(length, 16))),
  );
}

/** Copies `length` bytes, of which there is at least one, from `distance` before `to`, and moves `to`. */
function copyMatch(): wasm.Code {
  const again = wasm.label();
  return [
    set(source, sub(to, distance)),
    when(
      notLess(distance, 16),
      [
        store128(to, load128(source)),
        when(more(length, 16), [set(target, to), copyOn()]),
        advance(to, length),
      ],
      [
        set(pattern, wasm.pick(load128(source), load128(shiftLeft(distance, 4), PATTERNS))),
        set(target, to),
        advance(to, length),
        loop(
          again,
          store128(target, pattern),
          advance(target, load8(distance, STEPS)),
          branchIf(again, less(target, to)),
        ),
      ],
    ),
  ];
}

function snappy(): wasm.Code {
  const element = wasm.label();
  const need = (bytes: number) => when(less(sub(end, at), bytes), stop(Fault.cutDistance));
  return [
    set(first, to),
    loop(
      element,
      when(notLess(at, end), [
        when(equal(to, room), stop(Fault.none)),
        stop(Fault.end),
      ]),
      set(token, load8(at)),
      advance(at, 1),
      set(length, shiftRight(token, 2)),
      set(token, and(token, 3)),
      when(equal(token, 0), [
        when(notLess(length, 60), [
          advance(length, -59), // its bytes
          when(more(length, sub(end, at)), stop(Fault.cutLength)),
          advance(at, length),
          set(
            length,
            and(
              load32(sub(at, length)),
              shiftRight(-1, sub(32, shiftLeft(length, 3))),
            ),
          ),
        ]),
        // One more byte than `length` says, which could be 2^32.
        when(notLess(length, sub(end, at)), stop(Fault.literals)),
        when(notLess(length, sub(room, to)), stop(Fault.literals)),
        advance(length, 1),
        copyLiterals(),
        branch(element),
      ]),
      when(equal(token, 1), [
        need(1),
        set(distance, or(shiftLeft(shiftRight(length, 3), 8), load8(at))),
        set(length, add(and(length, 7), 4)),
        advance(at, 1),
      ], [
        advance(length, 1),
        when(equal(token, 2), [
          need(2),
          set(distance, load16(at)),
          advance(at, 2),
        ], [
          need(4),
          set(distance, load32(at)),
          advance(at, 4),
        ]),
      ]),
      when(isTooFar(), stop(Fault.match)),
      when(more(length, sub(room, to)), stop(Fault.match)),
      copyMatch(),
      branch(element),
    ),
    wasm.unreachable,
  ];
}
