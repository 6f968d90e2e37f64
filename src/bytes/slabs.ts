/**
 * Slabs: memory for large buffers, cut from pieces so large that the allocator takes each from the system and gives it
 * back whole. Buffers of one or two megabytes by themselves it keeps: after a flood of them a third of a gigabyte stayed
 * in its heap (glibc takes from the system what is larger than anything freed so far, up to 32 MiB).
 *
 * What of a piece was never used takes no memory. One slab is cut in blocks of one size.
 */
export class Slab {
  readonly blockBytes: number;
  readonly buffer: ArrayBuffer;
  /** Blocks handed out. */
  used = 0;
  /** Blocks that were handed out at some time: those behind them have never been touched. */
  touched = 0;
  readonly #blocks: number;
  readonly #views: Uint8Array[] = [];
  readonly #free: number[] = [];
  readonly #states: Uint8Array;

  constructor(blockBytes: number) {
    this.blockBytes = blockBytes;
    this.#blocks = Math.floor(SLAB_BYTES / blockBytes);
    this.buffer = new ArrayBuffer(SLAB_BYTES);
    this.#states = new Uint8Array(this.#blocks);
  }

  get isFull(): boolean {
    return this.used === this.#blocks;
  }

  /** A block; there must be one. */
  take(): Uint8Array {
    const fresh = this.#free.length === 0;
    const block = fresh ? this.touched++ : this.#free.pop()!;
    if (fresh) {
      this.#views.push(new Uint8Array(this.buffer, block * this.blockBytes, this.blockBytes));
    }
    this.used++;
    this.#states[block] = LENT;
    return this.#views[block];
  }

  /** Takes the block back that a view lies in; how it was until now. */
  give(view: Uint8Array): BlockState {
    const block = this.#blockOf(view), state = this.#states[block] as BlockState;
    if (state === FREE) return FREE;
    this.#states[block] = FREE;
    this.#free.push(block);
    this.used--;
    return state;
  }

  /** The block is lent no more, but not free before give(). Whether it was lent. */
  forget(view: Uint8Array): boolean {
    const block = this.#blockOf(view), wasLent = this.#states[block] === LENT;
    if (wasLent) this.#states[block] = FORGOTTEN;
    return wasLent;
  }

  /** Gives the memory back to the system. */
  release(): void {
    this.buffer.transfer(0);
  }

  #blockOf(view: Uint8Array): number {
    return Math.floor(view.byteOffset / this.blockBytes);
  }
}

export const FREE = 0, LENT = 1;
const FORGOTTEN = 2;
export type BlockState = typeof FREE | typeof LENT | typeof FORGOTTEN;

/** More than glibc ever keeps; three blocks of the largest size. */
export const SLAB_BYTES = 48 << 20;
