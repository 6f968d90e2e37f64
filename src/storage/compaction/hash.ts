/**
 * The hash by which compaction knows keys: 128 bits, so that two keys that collide by chance never happen (with ten
 * million keys, one chance in 10^24), and seeded at random, so that nobody can prepare two keys that do.
 *
 * MurmurHash3's 128-bit function for 32-bit machines (Austin Appleby, public domain): four lanes of 32 bits, which is
 * what JavaScript multiplies fast. The result is left in `hashed`; a look-up allocates nothing.
 */
export const hashed = new Uint32Array(4);

const SEED = crypto.getRandomValues(new Uint32Array(4));
const C1 = 0x239b961b, C2 = 0xab0e9789, C3 = 0x38b34ae5, C4 = 0xa1e38b93;

/** Hashes b[from, to) into `hashed`. */
export function hashKey(b: Uint8Array, from: number, to: number, seed: Uint32Array = SEED): void {
  let h1 = seed[0], h2 = seed[1], h3 = seed[2], h4 = seed[3];
  let at = from;
  for (; at + 16 <= to; at += 16) {
    h1 = Math.imul(rotate(h1 ^ mix(word(b, at), C1, 15, C2), 19) + h2 | 0, 5) + 0x561ccd1b | 0;
    h2 = Math.imul(rotate(h2 ^ mix(word(b, at + 4), C2, 16, C3), 17) + h3 | 0, 5) + 0x0bcaa747 | 0;
    h3 = Math.imul(rotate(h3 ^ mix(word(b, at + 8), C3, 17, C4), 15) + h4 | 0, 5) + 0x96cd1c35 | 0;
    h4 = Math.imul(rotate(h4 ^ mix(word(b, at + 12), C4, 18, C1), 13) + h1 | 0, 5) + 0x32ac3b17 | 0;
  }
  if (at + 12 < to) h4 ^= mix(tail(b, at + 12, to), C4, 18, C1);
  if (at + 8 < to) h3 ^= mix(tail(b, at + 8, to), C3, 17, C4);
  if (at + 4 < to) h2 ^= mix(tail(b, at + 4, to), C2, 16, C3);
  if (at < to) h1 ^= mix(tail(b, at, to), C1, 15, C2);

  const length = to - from;
  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = h1 + h2 + h3 + h4 | 0;
  h2 = finish(h2 + h1 | 0);
  h3 = finish(h3 + h1 | 0);
  h4 = finish(h4 + h1 | 0);
  h1 = finish(h1);
  h1 = h1 + h2 + h3 + h4 | 0;
  hashed[0] = h1;
  hashed[1] = h2 + h1;
  hashed[2] = h3 + h1;
  hashed[3] = h4 + h1;
}

function rotate(x: number, bits: number): number {
  return x << bits | x >>> 32 - bits;
}

function mix(k: number, first: number, bits: number, second: number): number {
  return Math.imul(rotate(Math.imul(k, first), bits), second);
}

/** Little-endian. */
function word(b: Uint8Array, at: number): number {
  return b[at] | b[at + 1] << 8 | b[at + 2] << 16 | b[at + 3] << 24;
}

/** The word at `at`, as far as there are bytes for it. */
function tail(b: Uint8Array, at: number, to: number): number {
  let k = 0;
  for (let i = Math.min(3, to - at - 1); i >= 0; i--) k = k << 8 | b[at + i];
  return k;
}

function finish(h: number): number {
  h = Math.imul(h ^ h >>> 16, 0x85ebca6b);
  h = Math.imul(h ^ h >>> 13, 0xc2b2ae35);
  return h ^ h >>> 16;
}
