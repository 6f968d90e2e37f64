/**
 * BlockDecoder: decompresses streams of lz4 or snappy blocks, in WebAssembly (see block_code.ts), into memory that is
 * used again, because asking the allocator for it (and having it zeroed, and collected) costs more than decoding does.
 *
 * A block is decoded within the memory of WebAssembly, which holds nothing else, and then added to the stream's output.
 * Memory grows with what blocks really become, never because of what a stream declares. What has grown beyond
 * `keepBytes`, here or there, is let go of when the stream is done.
 */
import { assembleDecoders, Fault, FREE, SLOP, STATE, writeTables } from "./block_code.ts";

export { Fault };

/** No byte of a block becomes more: it is what a byte of an lz4 length counts. */
const MAX_RATIO = 255;
const PAGE = 65536;

type Decode = (at: number, end: number, to: number, room: number) => Fault;

interface Wasm {
  readonly memory: WebAssembly.Memory;
  readonly lz4: Decode;
  readonly snappy: Decode;
}

export class BlockDecoder {
  readonly #keepBytes: number;
  #wasm: Wasm | null = null;
  /** The memory of #wasm; within it, what the code leaves of `at`, `to`, `length` and `distance`. */
  #memory: Uint8Array = new Uint8Array(0);
  #state: Uint32Array = new Uint32Array(4);
  /** Where the last block's output begins in #memory. */
  #first = 0;
  #kept = new Uint8Array(0);
  #output = this.#kept;
  #written = 0;
  #maxBytes = 0;

  constructor(options: { keepBytes: number }) {
    this.#keepBytes = options.keepBytes;
  }

  /** Begins a stream. No memory is taken for more than `maxBytes` of output; that it ends there is the caller's care. */
  begin(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#written = 0;
  }

  /** Ends it, well or not. */
  end(): void {
    this.#output = this.#kept;
    if (this.#memory.length <= this.#keepBytes) return;
    this.#wasm = null; // it cannot shrink
    this.#memory = new Uint8Array(0);
  }

  get written(): number {
    return this.#written;
  }

  /** What the stream has become so far. The next one may overwrite it. */
  output(): Uint8Array {
    return this.#output.subarray(0, this.#written);
  }

  /** Adds a block that is not compressed. */
  store(block: Uint8Array): void {
    const end = this.#written + block.length;
    if (end > this.#output.length) this.#growOutput(end);
    this.#output.set(block, this.#written);
    this.#written = end;
  }

  /** Adds what an lz4 block becomes, which is to be `room` bytes at most. */
  lz4(block: Uint8Array, room: number): Fault {
    return this.#decode("lz4", block, room);
  }

  /** The same of a snappy block without the length before it. It is to become `room` bytes, no more and no less. */
  snappy(block: Uint8Array, room: number): Fault {
    return this.#decode("snappy", block, room);
  }

  /** Of a fault: how far into the block and into what it became, and what was to be copied there. */
  stopped(): { at: number; to: number; length: number; distance: number } {
    const [at, to, length, distance] = this.#state;
    return { at: at - FREE, to: to - this.#first, length, distance };
  }

  #decode(codec: "lz4" | "snappy", block: Uint8Array, room: number): Fault {
    const wasm = this.#wasm ??= this.#instantiate();
    const end = FREE + block.length, first = this.#first = end + SLOP;
    const last = first + Math.min(room, block.length * MAX_RATIO);
    if (last + SLOP > this.#memory.length) {
      wasm.memory.grow(Math.ceil((last + SLOP - this.#memory.length) / PAGE));
      this.#look(wasm);
    }
    this.#memory.set(block, FREE);
    const fault = wasm[codec](FREE, end, first, last);
    if (fault === Fault.none) this.store(this.#memory.subarray(first, this.#state[1]));
    return fault;
  }

  #instantiate(): Wasm {
    module ??= new WebAssembly.Module(assembleDecoders());
    const wasm = new WebAssembly.Instance(module).exports as unknown as Wasm;
    this.#look(wasm);
    writeTables(this.#memory);
    return wasm;
  }

  #look({ memory }: Wasm): void {
    this.#memory = new Uint8Array(memory.buffer);
    this.#state = new Uint32Array(memory.buffer, STATE, 4);
  }

  /** At least twofold while that is allowed, so that growing stays rare. */
  #growOutput(needed: number): void {
    const keep = this.#keepBytes, limit = needed <= keep ? keep : this.#maxBytes;
    const size = Math.max(needed, Math.min(2 * this.#output.length, limit));
    const larger = new Uint8Array(size);
    larger.set(this.output());
    this.#output = larger;
    if (size <= keep) this.#kept = larger;
  }
}

let module: WebAssembly.Module | null = null;
