/** Interrupt: Ctrl-C ends a command in order: it finishes what it holds. The second one ends it at once. */
export class Interrupt implements Disposable {
  #isAsked = false;
  readonly #asked = Promise.withResolvers<void>();
  readonly #listener = () => {
    this.#isAsked = true;
    this.#asked.resolve();
    this.#unlisten();
  };

  constructor() {
    for (const signal of SIGNALS) Deno.addSignalListener(signal, this.#listener);
  }

  get isAsked(): boolean {
    return this.#isAsked;
  }

  /** Resolves when it comes. */
  get asked(): Promise<void> {
    return this.#asked.promise;
  }

  [Symbol.dispose](): void {
    this.#unlisten();
  }

  #unlisten(): void {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, this.#listener);
  }
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
