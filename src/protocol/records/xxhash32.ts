/** XXH32 with seed 0, the checksum within LZ4 frames. Unsigned. */
export function xxhash32(b: Uint8Array, from: number, to: number): number {
  let at = from, hash;
  if (to - from >= 16) {
    let v1 = P1 + P2 | 0, v2 = P2, v3 = 0, v4 = -P1 | 0;
    for (; at + 16 <= to; at += 16) {
      v1 = round(v1, word(b, at));
      v2 = round(v2, word(b, at + 4));
      v3 = round(v3, word(b, at + 8));
      v4 = round(v4, word(b, at + 12));
    }
    hash = rotate(v1, 1) + rotate(v2, 7) + rotate(v3, 12) + rotate(v4, 18) | 0;
  } else {
    hash = P5;
  }
  hash = hash + to - from | 0;
  for (; at + 4 <= to; at += 4) {
    hash = Math.imul(rotate(hash + Math.imul(word(b, at), P3) | 0, 17), P4);
  }
  for (; at < to; at++) hash = Math.imul(rotate(hash + Math.imul(b[at], P5) | 0, 11), P1);
  hash = Math.imul(hash ^ hash >>> 15, P2);
  hash = Math.imul(hash ^ hash >>> 13, P3);
  return (hash ^ hash >>> 16) >>> 0;
}

const P1 = 0x9e3779b1 | 0, P2 = 0x85ebca77 | 0, P3 = 0xc2b2ae3d | 0;
const P4 = 0x27d4eb2f | 0, P5 = 0x165667b1 | 0;

const rotate = (x: number, bits: number) => x << bits | x >>> 32 - bits;
const round = (v: number, x: number) => Math.imul(rotate(v + Math.imul(x, P2) | 0, 13), P1);
const word = (b: Uint8Array, at: number) =>
  b[at] | b[at + 1] << 8 | b[at + 2] << 16 | b[at + 3] << 24;
