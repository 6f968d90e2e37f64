/**
 * TurnMeter: the longest turn of the event loop, from when it is made until it is stopped: between two timers, by the clock
 * and by the processor's time of this process, of which the less counts, so that other programs do not make it longer.
 */
import process from "node:process";

export class TurnMeter {
  #longestMs = 0;
  #atMs = performance.now();
  #cpuMs = cpuMs();
  #isOver = false;

  constructor() {
    const look = () => {
      this.#look();
      if (!this.#isOver) setTimeout(look, 0);
    };
    setTimeout(look, 0);
  }

  stop(): number {
    this.#isOver = true;
    return this.#longestMs;
  }

  #look(): void {
    const nowMs = performance.now(), nowCpuMs = cpuMs();
    const turnMs = Math.min(nowMs - this.#atMs, nowCpuMs - this.#cpuMs);
    this.#longestMs = Math.max(this.#longestMs, turnMs);
    this.#atMs = nowMs;
    this.#cpuMs = nowCpuMs;
  }
}

/** Of this process. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
