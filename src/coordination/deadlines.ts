/**
 * Deadlines: the nearest of many, as a binary heap. An owner's deadline is never searched for: setting a later one
 * leaves the earlier in place, and whoever takes that out looks again at what is really due.
 */
export class Deadlines<Owner> {
  readonly #heap: { atMs: number; owner: Owner }[] = [];
  /** The earliest entry of each owner. */
  readonly #earliest = new Map<Owner, number>();

  get nextMs(): number | null {
    return this.#heap.length === 0 ? null : this.#heap[0].atMs;
  }

  /** Makes sure that the owner comes up at this time or before. */
  set(owner: Owner, atMs: number): void {
    const known = this.#earliest.get(owner);
    if (known !== undefined && known <= atMs) return;
    this.#earliest.set(owner, atMs);
    this.#push({ atMs, owner });
  }

  /** Takes out an owner whose time has come, or null. */
  take(nowMs: number): Owner | null {
    while (this.#heap.length > 0 && this.#heap[0].atMs <= nowMs) {
      const { atMs, owner } = this.#pop();
      if (this.#earliest.get(owner) !== atMs) continue; // an earlier one of the same owner came up before
      this.#earliest.delete(owner);
      return owner;
    }
    return null;
  }

  #push(entry: { atMs: number; owner: Owner }): void {
    const heap = this.#heap;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = i - 1 >> 1;
      if (heap[parent].atMs <= entry.atMs) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): { atMs: number; owner: Owner } {
    const heap = this.#heap, top = heap[0], last = heap.pop()!;
    if (heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].atMs < heap[child].atMs) child++;
      if (heap[child].atMs >= last.atMs) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
    return top;
  }
}
