/**
 * Bell: a wait that ends when somebody rings. A ring that nobody waits for ends the next wait at once, so that none is
 * lost between a look and the wait behind it.
 */
import { timerMs } from "./call.ts";

export class Bell {
  #wake: (() => void) | null = null;
  #isRung = false;

  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  /** Until it rings, or `maxMs` have passed. One waits at a time. */
  async wait(maxMs: number): Promise<void> {
    if (!this.#isRung && maxMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timerMs(maxMs));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = null;
    }
    this.#isRung = false;
  }
}
