/**
 * HeldBytes: how much may be held in memory of what clients say and nothing else bounds: what members say of themselves
 * (protocols, subscriptions), as long as a session lasts, and metadata of committed offsets, for a week and over
 * restarts. Each may be as large as a request: without a bound thirty members hold a gigabyte.
 *
 * What comes is counted. When it could have come to too much, what is held is counted anew, since most of it went or came
 * in place of the same; not so often that it would take much of the time. Requests that say much have half, so that they
 * keep nobody out who says little.
 */
export interface HeldBytesOptions {
  readonly maxBytes: number;
  /** Monotonic. */
  readonly nowMs: () => number;
  /** What is held now. */
  readonly held: () => number;
}

/** Requests of usual clients say less. */
const SMALL_BYTES = 16_384;
/** Counting takes a twentieth of the time at most. */
const REST = 20, LEAST_REST_MS = 10;

export class HeldBytes {
  readonly #options: HeldBytesOptions;
  /** What may still come before it is counted anew. */
  #leftBytes = 0;
  #countAgainAtMs = -Infinity;

  constructor(options: HeldBytesOptions) {
    this.#options = options;
  }

  /** Whether so much may come in; it counts then. */
  admits(bytes: number): boolean {
    const reserved = bytes <= SMALL_BYTES ? 0 : this.#options.maxBytes / 2;
    if (bytes > this.#leftBytes - reserved) this.#count();
    if (bytes > this.#leftBytes - reserved) return false;
    this.#leftBytes -= bytes;
    return true;
  }

  #count(): void {
    const { maxBytes, nowMs, held } = this.#options, beganMs = nowMs();
    if (beganMs < this.#countAgainAtMs) return;
    this.#leftBytes = Math.max(0, maxBytes - held());
    const endMs = nowMs();
    this.#countAgainAtMs = endMs + Math.max(LEAST_REST_MS, REST * (endMs - beganMs));
  }
}

/** What a member says of itself, in bytes or characters. */
export function saidBytes(
  protocols: Iterable<{ readonly name: string; readonly metadata: Uint8Array }>,
): number {
  let bytes = 0;
  for (const { name, metadata } of protocols) bytes += name.length + metadata.length;
  return bytes;
}
