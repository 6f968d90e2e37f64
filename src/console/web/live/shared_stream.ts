/**
 * Shared stream: one stream of the broker for all tabs of a browser, which may have six connections to a host at a time.
 * The tab that has the lock reads the stream and tells the others; when it is closed, the next gets the lock. One that is
 * frozen keeps it and says nothing: whoever hears nothing for too long takes it away.
 *
 * A tab that comes asks for what there is; who leads tells it (and everybody, who takes it as said once more).
 *
 * Where there are no locks (a page that is neither HTTPS nor localhost), each tab has a stream while it is seen.
 */

export type StreamState =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  | { readonly kind: "lost"; readonly reason: string };

/** What tabs tell each other. */
export type Told<T> =
  | { readonly kind: "line"; readonly line: T }
  | { readonly kind: "state"; readonly state: StreamState }
  | { readonly kind: "asks" };

/** The browser, as far as it is needed. */
export interface Surroundings<T> {
  readonly locks: Locks | null;
  readonly channel: {
    postMessage(told: Told<T>): void;
    onmessage: ((event: { readonly data: Told<T> }) => void) | null;
  };
  /** Ends when the broker ends it, throws when it cannot be had or is cut. */
  readonly open: (signal: AbortSignal) => AsyncIterable<T>;
  readonly nowMs: () => number;
  /** Resolves early when the signal says so. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Resolves once the tab is seen; at once if it is. */
  readonly seen: (signal: AbortSignal) => Promise<void>;
  /** Aborts when it is not any more. */
  readonly unseen: () => AbortSignal;
}

export interface Locks {
  request(
    name: string,
    options: { readonly steal?: boolean; readonly signal?: AbortSignal },
    whileHeld: () => Promise<void>,
  ): Promise<void>;
}

export interface Listener<T> {
  line(line: T): void;
  state(state: StreamState): void;
  /** The lines that say all that was said so far, to a tab that comes. */
  soFar(): readonly T[];
}

const LOCK = "runnel-console-live";
/** The broker says something every 10 s. */
const SILENT_MS = 25_000;
/** Longer than the leader itself needs to notice. */
const LEADERLESS_MS = 45_000;
const LOOK_MS = 5000;
const FIRST_RETRY_MS = 1000, LAST_RETRY_MS = 15_000;

/** Goes on until the signal says so. */
export async function shareStream<T>(
  around: Surroundings<T>,
  listener: Listener<T>,
  signal: AbortSignal,
): Promise<void> {
  await new SharedStream(around, listener).run(signal);
}

class SharedStream<T> {
  readonly #around: Surroundings<T>;
  readonly #listener: Listener<T>;
  #heardMs: number;
  /** null: another tab leads. */
  #leads: StreamState | null = null;

  constructor(around: Surroundings<T>, listener: Listener<T>) {
    this.#around = around;
    this.#listener = listener;
    this.#heardMs = around.nowMs();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { locks, channel, seen, unseen } = this.#around;
    channel.onmessage = ({ data }) => this.#told(data);
    this.#listener.state({ kind: "connecting" });
    if (locks !== null) channel.postMessage({ kind: "asks" });
    for (let steal = false; !signal.aborted;) {
      if (locks !== null) steal = await this.#inTurn(locks, steal, signal);
      else {
        await seen(signal);
        await this.#lead(AbortSignal.any([signal, unseen()]));
      }
    }
  }

  /** Leads once it gets the lock, until it loses it. True: who has it says nothing, it is to be taken away. */
  async #inTurn(locks: Locks, steal: boolean, signal: AbortSignal): Promise<boolean> {
    const queued = new AbortController(), leading = new AbortController();
    const stop = () => {
      queued.abort();
      leading.abort();
    };
    signal.addEventListener("abort", stop);
    this.#heardMs = this.#around.nowMs();
    let isLeaderless = false;
    // What has begun to lead is let finish here, or two streams would be open for a moment.
    let led: Promise<void> = Promise.resolve();
    const watched = this.#leaderless(queued.signal).then((is) => {
      if (!is) return;
      isLeaderless = true;
      queued.abort();
    });
    try {
      await locks.request(LOCK, steal ? { steal } : { signal: queued.signal }, () => {
        queued.abort();
        return led = this.#lead(leading.signal);
      });
    } catch {
      // Taken away, or not waited for any longer.
    }
    stop();
    await Promise.all([led, watched]);
    signal.removeEventListener("abort", stop);
    return isLeaderless;
  }

  /** Whether nothing was heard for too long; false once the signal says to stop. */
  async #leaderless(signal: AbortSignal): Promise<boolean> {
    const { nowMs, wait } = this.#around;
    while (!signal.aborted) {
      if (nowMs() - this.#heardMs > LEADERLESS_MS) return true;
      await wait(LOOK_MS, signal);
    }
    return false;
  }

  async #lead(signal: AbortSignal): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      let reason = "The stream has ended";
      this.#state({ kind: "connecting" });
      try {
        for await (const line of this.#lines(signal)) {
          if (signal.aborted) break;
          if (retryMs > 0) this.#state({ kind: "live" });
          retryMs = 0;
          this.#listener.line(line);
          this.#around.channel.postMessage({ kind: "line", line });
        }
      } catch (error) {
        reason = (error as Error).message;
      }
      if (signal.aborted) break;
      this.#state({ kind: "lost", reason });
      retryMs = Math.min(Math.max(2 * retryMs, FIRST_RETRY_MS), LAST_RETRY_MS);
      await this.#around.wait(retryMs, signal);
    }
    this.#leads = null;
  }

  /** Of one stream, which is given up when it is silent. */
  async *#lines(signal: AbortSignal): AsyncGenerator<T, void> {
    const { open, nowMs, wait } = this.#around;
    const stream = new AbortController(), both = AbortSignal.any([signal, stream.signal]);
    let lastMs = nowMs();
    const watch = async () => {
      while (!both.aborted) {
        await wait(LOOK_MS, both);
        if (nowMs() - lastMs > SILENT_MS) {
          stream.abort(new Error(`The broker has said nothing for ${SILENT_MS / 1000} s`));
        }
      }
    };
    const watching = watch();
    try {
      for await (const line of open(both)) {
        lastMs = nowMs();
        yield line;
      }
    } finally {
      stream.abort();
      await watching;
    }
  }

  #state(state: StreamState): void {
    this.#leads = state;
    this.#listener.state(state);
    this.#around.channel.postMessage({ kind: "state", state });
  }

  #told(told: Told<T>): void {
    if (told.kind === "asks") {
      if (this.#leads === null) return;
      for (const line of this.#listener.soFar()) {
        this.#around.channel.postMessage({ kind: "line", line });
      }
      this.#around.channel.postMessage({ kind: "state", state: this.#leads });
      return;
    }
    if (this.#leads !== null || this.#around.locks === null) return;
    this.#heardMs = this.#around.nowMs();
    if (told.kind === "line") this.#listener.line(told.line);
    else this.#listener.state(told.state);
  }
}
