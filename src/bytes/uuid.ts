/**
 * Kafka's Uuid: 16 bytes, written as 22 characters of base64url without padding.
 *
 * In memory a Uuid is that text: it can be a map key, compared with ===, logged and put in JSON as it is.
 */
export type Uuid = string & { readonly uuid: unique symbol };

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CODES = new Uint8Array(64).map((_, i) => ALPHABET.charCodeAt(i));
const VALUES = new Uint8Array(128).fill(255);
for (let i = 0; i < 64; i++) VALUES[CODES[i]] = i;

export const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA" as Uuid;

/** The id in the 16 bytes at `at`. */
export function readUuid(b: Uint8Array, at: number): Uuid {
  const c = CODES;
  return String.fromCharCode(
    c[b[at] >> 2],
    c[(b[at] & 3) << 4 | b[at + 1] >> 4],
    c[(b[at + 1] & 15) << 2 | b[at + 2] >> 6],
    c[b[at + 2] & 63],
    c[b[at + 3] >> 2],
    c[(b[at + 3] & 3) << 4 | b[at + 4] >> 4],
    c[(b[at + 4] & 15) << 2 | b[at + 5] >> 6],
    c[b[at + 5] & 63],
    c[b[at + 6] >> 2],
    c[(b[at + 6] & 3) << 4 | b[at + 7] >> 4],
    c[(b[at + 7] & 15) << 2 | b[at + 8] >> 6],
    c[b[at + 8] & 63],
    c[b[at + 9] >> 2],
    c[(b[at + 9] & 3) << 4 | b[at + 10] >> 4],
    c[(b[at + 10] & 15) << 2 | b[at + 11] >> 6],
    c[b[at + 11] & 63],
    c[b[at + 12] >> 2],
    c[(b[at + 12] & 3) << 4 | b[at + 13] >> 4],
    c[(b[at + 13] & 15) << 2 | b[at + 14] >> 6],
    c[b[at + 14] & 63],
    c[b[at + 15] >> 2],
    c[(b[at + 15] & 3) << 4],
  ) as Uuid;
}

/** Writes the id's 16 bytes at `at`. */
export function writeUuid(into: Uint8Array, at: number, id: Uuid): void {
  let bits = 0, have = 0;
  for (let i = 0; i < 22; i++) {
    bits = bits << 6 | VALUES[id.charCodeAt(i)];
    have += 6;
    if (have >= 8) {
      have -= 8;
      into[at++] = bits >> have & 255;
      bits &= (1 << have) - 1;
    }
  }
}

/** Checks and brands text that came from outside; null when it is not 22 base64url characters of 16 bytes. */
export function parseUuid(text: string): Uuid | null {
  return /^[A-Za-z0-9_-]{21}[AQgw]$/.test(text) ? text as Uuid : null;
}

/** A random version 4 id. Kafka never hands out one that begins with "-", so that tools do not take it for a flag. */
export function randomUuid(random: (into: Uint8Array) => unknown = fillRandom): Uuid {
  const b = new Uint8Array(16);
  for (;;) {
    random(b);
    b[6] = b[6] & 0x0f | 0x40;
    b[8] = b[8] & 0x3f | 0x80;
    const id = readUuid(b, 0);
    if (!id.startsWith("-")) return id;
  }
}

const fillRandom = (into: Uint8Array) => crypto.getRandomValues(into as Uint8Array<ArrayBuffer>);
