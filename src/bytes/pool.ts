/**
 * BufferPool: lends memory for reads and replies, so that a busy broker does not ask the allocator for (and have
 * zeroed) a megabyte per fetch.
 *
 * Memory comes in power-of-two classes, those in the middle cut from slabs. What is given back is kept up to `keepBytes`. Of the rest, what is large goes
 * back to the system at once: a collector that sees some hundred bytes of garbage, and not the hundred megabytes behind
 * them, comes too late. The pool knows its own memory: giving back anything else, or twice, does nothing, so a writer
 * can hand in every chunk it has sent without knowing where it came from.
 *
 * Lending never fails. Who can wait asks first whether memory is scarce, and waits by room().
 */
import { FREE, LENT, Slab, SLAB_BYTES } from "./slabs.ts";

export interface Waiter {
  readonly isEnding: boolean;
  readonly ends: Set<() => void>;
  /** Whether it has taken a reply before. */
  readonly isReader: boolean;
}

interface Waiting {
  readonly isReader: boolean;
  readonly resolve: () => void;
}

export class BufferPool {
  readonly #keepBytes: number;
  readonly #scarceBytes: number;
  readonly #free: Uint8Array[][] = [];
  /** Of the middle classes: every slab, and those with a block to hand out. */
  readonly #slabs = new Map<ArrayBufferLike, Slab>();
  readonly #roomy: Slab[][] = [];
  /** Of the others, those lent (true) and kept (false): the entry stays, since making it anew costs more than a lookup. */
  readonly #lent = new Map<ArrayBufferLike, boolean>();
  /** Of those, what is not the pool's to keep. */
  readonly #adopted = new Set<ArrayBufferLike>();
  /** What was lent and is not counted any more; how many that were, as most of the time there are none. */
  readonly #forgotten = new WeakSet<ArrayBufferLike>();
  #forgottenCount = 0;
  #keptBytes = 0;
  #lentBytes = 0;
  /** Readers before others, each in the order they came. */
  readonly #waiting: Waiting[] = [];
  #isCalling = false;
  /** Called when somebody begins to wait; who can make room sets it. */
  onScarce: () => void = () => {};

  /** `scarceBytes`: so much lent is as much as should be. */
  constructor(options: { keepBytes: number; scarceBytes?: number }) {
    this.#keepBytes = options.keepBytes;
    this.#scarceBytes = options.scarceBytes ?? Infinity;
    for (let i = 0; i <= MAX_CLASS; i++) {
      this.#free.push([]);
      this.#roomy.push([]);
    }
  }

  /** Bytes lent out now. */
  get lentBytes(): number {
    return this.#lentBytes;
  }

  /** Bytes waiting to be lent. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Bytes that may be lent until memory is scarce. */
  get spareBytes(): number {
    return Math.max(0, this.#scarceBytes - this.#lentBytes);
  }

  /** Whether somebody waits by room(). */
  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Resolves when memory is not scarce any more, or whoever waits is ending. Who waits goes on in the order they came, as
   * long as there is memory; those first who have taken what they got before.
   */
  async room(waiter: Waiter): Promise<void> {
    while (this.spareBytes === 0 && !waiter.isEnding) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiter.ends.add(resolve);
      const { isReader } = waiter;
      const behind = isReader ? this.#waiting.findIndex((one) => !one.isReader) : -1;
      this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, { isReader, resolve });
      this.onScarce();
      await promise;
      waiter.ends.delete(resolve);
    }
  }

  /** At least `bytes` long, content undefined. */
  take(bytes: number): Uint8Array {
    const sizeClass = classOf(bytes);
    if (sizeClass >= MIN_SLAB_CLASS && sizeClass <= MAX_SLAB_CLASS) {
      return this.#takeBlock(sizeClass);
    }
    let buffer = this.#free[sizeClass]?.pop();
    if (buffer) this.#keptBytes -= buffer.length;
    else buffer = new Uint8Array(sizeClass > MAX_CLASS ? bytes : 1 << sizeClass);
    this.#lent.set(buffer.buffer, true);
    this.#lentBytes += buffer.length;
    return buffer;
  }

  /** Counts other memory as lent, until it is given back; it is never kept. */
  adopt(view: Uint8Array): void {
    const { buffer } = view;
    if (this.#lent.has(buffer) || this.#slabs.has(buffer)) return;
    this.#lent.set(buffer, true);
    this.#adopted.add(buffer);
    this.#lentBytes += buffer.byteLength;
  }

  /** Takes back the memory that `view` lies in, if it is the pool's. Nobody may touch it afterwards. */
  give(view: Uint8Array): void {
    const { buffer } = view;
    const bytes = buffer.byteLength;
    const slab = bytes === SLAB_BYTES ? this.#slabs.get(buffer) : undefined;
    if (slab !== undefined) return this.#giveBlock(slab, view);
    if (this.#lent.get(buffer) !== true) {
      if (this.#forgottenCount > 0) this.#giveForgotten(buffer);
      return;
    }
    this.#lentBytes -= bytes;
    if (this.#adopted.size > 0 && this.#adopted.delete(buffer)) {
      this.#lent.delete(buffer); // the collector's
    } else if (this.#keptBytes + bytes > this.#keepBytes || classOf(bytes) > MAX_CLASS) {
      this.#lent.delete(buffer);
      if (bytes >= LARGE_BYTES) letGo(buffer);
    } else {
      this.#lent.set(buffer, false);
      this.#keptBytes += bytes;
      this.#free[classOf(bytes)].push(new Uint8Array(buffer));
    }
    if (this.#waiting.length > 0) this.#callWaiting();
  }

  /**
   * The memory that `view` lies in is not lent any more, and will not be again, because somebody may still look at it;
   * when that is over, give() gives it back to the system.
   */
  forget(view: Uint8Array): void {
    const { buffer } = view;
    const slab = this.#slabs.get(buffer);
    if (slab !== undefined) {
      if (!slab.forget(view)) return;
      this.#lentBytes -= slab.blockBytes;
      if (this.#waiting.length > 0) this.#callWaiting();
      return;
    }
    if (this.#lent.get(buffer) !== true) return;
    this.#lent.delete(buffer);
    if (!this.#adopted.delete(buffer)) {
      this.#forgotten.add(buffer);
      this.#forgottenCount++;
    }
    this.#lentBytes -= buffer.byteLength;
    if (this.#waiting.length > 0) this.#callWaiting();
  }

  #giveForgotten(buffer: ArrayBufferLike): void {
    if (!this.#forgotten.delete(buffer)) return;
    this.#forgottenCount--;
    if (buffer.byteLength >= LARGE_BYTES) letGo(buffer);
  }

  #takeBlock(sizeClass: number): Uint8Array {
    const roomy = this.#roomy[sizeClass];
    let slab = roomy[roomy.length - 1];
    if (slab === undefined) {
      slab = new Slab(1 << sizeClass);
      this.#slabs.set(slab.buffer, slab);
      roomy.push(slab);
    }
    const { touched } = slab, block = slab.take();
    if (slab.touched === touched) this.#keptBytes -= block.length;
    if (slab.isFull) roomy.pop();
    this.#lentBytes += block.length;
    return block;
  }

  #giveBlock(slab: Slab, view: Uint8Array): void {
    const wasFull = slab.isFull, state = slab.give(view);
    if (state === FREE) return;
    const roomy = this.#roomy[classOf(slab.blockBytes)];
    if (wasFull) roomy.push(slab);
    this.#keptBytes += slab.blockBytes;
    if (slab.used === 0 && (roomy.length > 1 || this.#keptBytes > this.#keepBytes)) {
      this.#keptBytes -= slab.touched * slab.blockBytes;
      roomy.splice(roomy.indexOf(slab), 1);
      this.#slabs.delete(slab.buffer);
      slab.release();
    }
    if (state !== LENT) return;
    this.#lentBytes -= slab.blockBytes;
    if (this.#waiting.length > 0) this.#callWaiting();
  }

  /** One at a time: the next goes on when this one has taken what it came for. */
  #callWaiting(): void {
    if (this.#isCalling || this.#lentBytes >= this.#scarceBytes) return;
    this.#waiting.shift()?.resolve();
    if (this.#waiting.length === 0) return;
    this.#isCalling = true;
    setTimeout(() => {
      this.#isCalling = false;
      this.#callWaiting();
    }, 0);
  }
}

/** Gives memory back to the system now. */
function letGo(buffer: ArrayBufferLike): void {
  (buffer as ArrayBuffer).transfer(0);
}

const MIN_CLASS = 12; // 4 KiB
const MAX_CLASS = 26; // 64 MiB
/** Classes that are cut from slabs: 128 KiB to 16 MiB. */
const MIN_SLAB_CLASS = 17, MAX_SLAB_CLASS = 24;
/** What is worth giving back to the system without waiting for the collector. */
const LARGE_BYTES = 1 << 17;

function classOf(bytes: number): number {
  return Math.max(MIN_CLASS, 32 - Math.clz32(Math.max(1, bytes) - 1));
}
