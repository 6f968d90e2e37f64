/**
 * OwnSignals: Ctrl-C for one test file. Test files run side by side in one process: a signal that one of them sends to itself
 * reaches commands of the others as well. Here those who listen are kept, and called by `send`.
 */
export class OwnSignals implements Disposable {
  readonly #listeners = new Map<Deno.Signal, Set<() => void>>();
  readonly #real = {
    addSignalListener: Deno.addSignalListener,
    removeSignalListener: Deno.removeSignalListener,
  };

  constructor() {
    Object.assign(Deno, {
      addSignalListener: (signal: Deno.Signal, listener: () => void) => {
        this.#of(signal).add(listener);
      },
      removeSignalListener: (signal: Deno.Signal, listener: () => void) => {
        this.#of(signal).delete(listener);
      },
    });
  }

  /** Throws where nobody listens. */
  send(signal: Deno.Signal): void {
    const listeners = [...this.#of(signal)];
    if (listeners.length === 0) throw new Error(`Nobody listens to ${signal}`);
    for (const listener of listeners) listener();
  }

  [Symbol.dispose](): void {
    Object.assign(Deno, this.#real);
  }

  #of(signal: Deno.Signal): Set<() => void> {
    let listeners = this.#listeners.get(signal);
    if (listeners === undefined) this.#listeners.set(signal, listeners = new Set());
    return listeners;
  }
}
