/** Interrupt: Ctrl-C ends a command in order: it finishes what it holds. The second one ends it at once. */
import { stopSignals } from "../platform.ts";

export class Interrupt implements Disposable {
  #isAsked = false;
  /** Called when it comes. */
  called: (() => void) | null = null;
  readonly #listener = () => {
    this.#isAsked = true;
    this.#unlisten();
    this.called?.();
  };

  constructor() {
    for (const signal of SIGNALS) Deno.addSignalListener(signal, this.#listener);
  }

  get isAsked(): boolean {
    return this.#isAsked;
  }

  [Symbol.dispose](): void {
    this.#unlisten();
  }

  #unlisten(): void {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, this.#listener);
  }
}

const SIGNALS = stopSignals();
