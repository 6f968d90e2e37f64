/** What the compressor of snappy is made of: finding what was there before, and copying what was not. */

/** Of four bytes as a number, in so many bits. */
export function hashOfWord(word: number, bits: number): number {
  return Math.imul(word, 0x9e3779b1) >>> 32 - bits;
}

/** How many bytes are the same from `match` and from `at` on, before `end`; four are known to be. */
export function matchLength(view: DataView, match: number, at: number, end: number): number {
  let length = 4;
  while (at + length + 4 <= end) {
    const differs = view.getInt32(match + length, true) ^ view.getInt32(at + length, true);
    // The lowest byte that differs is the first, as the words are little-endian.
    if (differs !== 0) return length + (31 - Math.clz32(differs & -differs) >> 3);
    length += 4;
  }
  while (at + length < end && view.getUint8(match + length) === view.getUint8(at + length)) {
    length++;
  }
  return length;
}

/** Returns the position behind it. A few bytes are copied sooner than a view of them is made. */
export function copyLiteral(
  from: Uint8Array,
  at: number,
  end: number,
  into: Uint8Array,
  to: number,
): number {
  if (end - at > SHORT) {
    into.set(from.subarray(at, end), to);
    return to + end - at;
  }
  while (at < end) into[to++] = from[at++];
  return to;
}

const SHORT = 64;
