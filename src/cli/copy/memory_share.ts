/**
 * MemoryShare: how much all partitions of a copy may hold at a time. How much a fetch brings shows when it is there, so a
 * guess is taken before, and put right then; who got more than was left makes the others wait. Only who holds nothing
 * waits, so somebody always gets on.
 */
export class MemoryShare {
  #left: number;
  #waiting: { readonly bytes: number; readonly grant: () => void }[] = [];

  constructor(readonly bytes: number) {
    this.#left = bytes;
  }

  /** Whether it was there to take. */
  tryTake(bytes: number): boolean {
    if (this.#waiting.length > 0 || this.#left < bytes) return false;
    this.#left -= bytes;
    return true;
  }

  /** For who holds nothing. One that needs more than there is gets it when nobody else has anything. */
  async take(bytes: number): Promise<void> {
    if (this.tryTake(bytes)) return;
    await new Promise<void>((grant) => this.#waiting.push({ bytes, grant }));
  }

  give(bytes: number): void {
    this.#left += bytes;
    while (this.#waiting.length > 0) {
      const [{ bytes: wanted, grant }] = this.#waiting;
      if (this.#left < Math.min(wanted, this.bytes)) return;
      this.#left -= wanted;
      this.#waiting.shift();
      grant();
    }
  }

  /** What was taken for `guess` is `bytes`. */
  correct(guess: number, bytes: number): void {
    if (bytes > guess) this.#left -= bytes - guess;
    else this.give(guess - bytes);
  }
}
