/** Heartbeats: calls a function again and again, a pause after each call has ended, until it is stopped. */
import { timerMs } from "../call.ts";

export class Heartbeats {
  readonly #beat: () => Promise<number>;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** Of the last start: what began under another does not go on. */
  #run = 0;

  /** `beat` gives the ms until the next one, and must not reject. */
  constructor(beat: () => Promise<number>) {
    this.#beat = beat;
  }

  start(firstInMs: number): void {
    this.stop();
    this.#schedule(firstInMs, this.#run);
  }

  /** A beat that is on its way comes to its end, and no other follows. */
  stop(): void {
    this.#run++;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #schedule(inMs: number, run: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#beat().then((nextInMs) => {
        if (run === this.#run) this.#schedule(nextInMs, run);
      }, () => {});
    }, timerMs(inMs));
  }
}
