/**
 * Pace: for how long a request or a reply has moved fewer bytes a second than it has to.
 *
 * Looked at from time to time, by the listener's sweep, so that it costs nothing where bytes move. A byte now and then
 * does not begin the time anew: what moved since the last look has to make up for it.
 */

/** What bytes move in: one direction of a connection. */
export interface Transfer {
  /** So far, over everything. */
  readonly movedBytes: number;
  /** Whether it is the peer's turn. */
  readonly isWaiting: boolean;
  /** Another number for each request, or write: a new one begins anew. */
  readonly unit: number;
}

export class Pace {
  #seenBytes = 0;
  #seenUnit = -1;
  #seenMs = 0;
  #slowMs = 0;

  /** How long the transfer's unit has been too slow, up to now. */
  look(
    { movedBytes, isWaiting, unit }: Transfer,
    nowMs: number,
    minBytesPerSecond: number,
  ): number {
    const passedMs = unit === this.#seenUnit ? nowMs - this.#seenMs : 0;
    const moved = movedBytes - this.#seenBytes;
    this.#seenBytes = movedBytes;
    this.#seenUnit = isWaiting ? unit : -1;
    this.#seenMs = nowMs;
    const isSlow = isWaiting && passedMs > 0 && moved * 1000 < minBytesPerSecond * passedMs;
    this.#slowMs = isSlow ? this.#slowMs + passedMs : 0;
    return this.#slowMs;
  }
}
