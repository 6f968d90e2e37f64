/**
 * Progress: how far something has come, on standard error, so that standard output has the result alone. On a terminal
 * it is a bar that is drawn anew, elsewhere a line every now and then.
 */
import process from "node:process";
import { Presets, SingleBar } from "cli-progress";

export interface ProgressOptions {
  /** How far, 0 to 1; asked when it is shown. */
  readonly share: () => number;
  /** What is told beside it, in one line of plain text; the ms since it was told before are given. */
  readonly told: (sinceMs: number) => string;
  /** How often elsewhere, 5 s if not given. */
  readonly everyMs?: number;
}

/** Shown until it is disposed of. */
export class Progress implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #bar: SingleBar | null;

  constructor({ share, told, everyMs = 5000 }: ProgressOptions) {
    const isTerminal = Deno.stderr.isTerminal();
    let lastMs = performance.now();
    const text = () => {
      const nowMs = performance.now(), sinceMs = nowMs - lastMs;
      lastMs = nowMs;
      return told(sinceMs);
    };
    const percent = () => Math.floor(Math.min(1, Math.max(0, share())) * 100);
    this.#bar = isTerminal ? barOn(process.stderr) : null;
    this.#bar?.start(100, 0, { told: "" });
    this.#timer = setInterval(() => {
      if (this.#bar === null) console.error(`${percent()}%  ${text()}`);
      else this.#bar.update(percent(), { told: text() });
    }, isTerminal ? DRAWN_MS : everyMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#bar?.stop();
  }
}

function barOn(stream: NodeJS.WritableStream): SingleBar {
  return new SingleBar({
    stream,
    format: "{bar} {percentage}%  {told}",
    barsize: 20,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false, // Ctrl-C is the command's own
  }, Presets.shades_classic);
}

const DRAWN_MS = 500;
