/** Payloads: values of one size to send, made before so that sending them costs nothing more. */

/** random: bytes that nothing compresses · text: words, which compress to about half · same: one value, ever again. */
export const PAYLOADS = ["random", "text", "same"] as const;
export type PayloadKind = typeof PAYLOADS[number];

/** To be sent in turn. They are long apart in their memory, so that none is found again in its batch. */
export function payloads(kind: PayloadKind, bytes: number): Uint8Array[] {
  if (bytes === 0) return [new Uint8Array()];
  const count = kind === "same" ? 1 : Math.max(2, Math.min(MOST, Math.floor(POOL_BYTES / bytes)));
  const pool = new Uint8Array(count * bytes);
  if (kind === "random") fillRandom(pool);
  else if (kind === "text") fillWords(pool);
  else pool.fill(X);
  return Array.from({ length: count }, (_, i) => pool.subarray(i * bytes, (i + 1) * bytes));
}

function fillRandom(pool: Uint8Array<ArrayBuffer>): void {
  for (let at = 0; at < pool.length; at += MOST_RANDOM) {
    crypto.getRandomValues(pool.subarray(at, at + MOST_RANDOM));
  }
}

/** Words of a language that there is not, the frequent ones short, as in those there are. */
function fillWords(pool: Uint8Array): void {
  const words = Array.from({ length: 2000 }, (_, rank) => word(1 + Math.log2(rank + 1) / 3));
  const encoder = new TextEncoder();
  for (let at = 0; at < pool.length;) {
    const rank = Math.floor(words.length ** Math.random()) - 1; // the nth is as frequent as 1/n
    at += encoder.encodeInto(words[rank], pool.subarray(at)).written;
    if (at < pool.length) pool[at++] = SPACE;
  }
}

function word(syllables: number): string {
  const one = (letters: string) => letters[Math.floor(Math.random() * letters.length)];
  return Array.from({ length: Math.round(syllables) }, () => one("bdfgklmnprstvw") + one("aeiou"))
    .join("");
}

const MOST = 16_384;
const POOL_BYTES = 4 << 20;
/** What one call of crypto may ask for. */
const MOST_RANDOM = 65_536;
const X = 0x78, SPACE = 0x20;
