/**
 * BufferPool: lends memory for reads and replies, so that a busy broker does not ask the allocator for (and have
 * zeroed) a megabyte per fetch.
 *
 * Memory comes in power-of-two classes. What is given back is kept up to `keepBytes`, the rest is left to the
 * collector, and so is what lies beyond the largest class; it counts as lent all the same. The pool knows its own memory: giving back anything else, or twice, does nothing, so a writer can
 * hand in every chunk it has sent without knowing where it came from.
 */
export class BufferPool {
  readonly #keepBytes: number;
  readonly #free: Uint8Array[][] = [];
  readonly #lent = new Set<ArrayBufferLike>();
  #keptBytes = 0;
  #lentBytes = 0;

  constructor(options: { keepBytes: number }) {
    this.#keepBytes = options.keepBytes;
    for (let i = 0; i <= MAX_CLASS; i++) this.#free.push([]);
  }

  /** Bytes lent out now. */
  get lentBytes(): number {
    return this.#lentBytes;
  }

  /** Bytes waiting to be lent. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** At least `bytes` long, content undefined. */
  take(bytes: number): Uint8Array {
    const sizeClass = classOf(bytes);
    let buffer = this.#free[sizeClass]?.pop();
    if (buffer) this.#keptBytes -= buffer.length;
    else buffer = new Uint8Array(sizeClass > MAX_CLASS ? bytes : 1 << sizeClass);
    this.#lent.add(buffer.buffer);
    this.#lentBytes += buffer.length;
    return buffer;
  }

  /** Takes back the memory that `view` lies in, if it is the pool's. Nobody may touch it afterwards. */
  give(view: Uint8Array): void {
    if (!this.#lent.delete(view.buffer)) return;
    const bytes = view.buffer.byteLength;
    this.#lentBytes -= bytes;
    if (this.#keptBytes + bytes > this.#keepBytes || classOf(bytes) > MAX_CLASS) return;
    this.#keptBytes += bytes;
    this.#free[classOf(bytes)].push(new Uint8Array(view.buffer));
  }
}

const MIN_CLASS = 12; // 4 KiB
const MAX_CLASS = 26; // 64 MiB

function classOf(bytes: number): number {
  return Math.max(MIN_CLASS, 32 - Math.clz32(Math.max(1, bytes) - 1));
}
