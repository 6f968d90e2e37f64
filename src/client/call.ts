/**
 * Calls: what every call of the client may be given, and how a wait ends when its caller gives up.
 */

export interface CallOptions {
  /** Ends the call when it is aborted, with the signal's reason. What was asked of a broker may take effect still. */
  readonly signal?: AbortSignal;
  /** How long the call may go on trying; `callTimeoutMs` of the cluster if not given. */
  readonly timeoutMs?: number;
}

/** As many as setTimeout() can wait for: 25 days, also in place of Infinity, which it would not wait for at all. */
export function timerMs(ms: number): number {
  return Math.min(ms, MAX_TIMER_MS);
}

const MAX_TIMER_MS = 0x7fffffff;

/**
 * As what `work` promises, but rejects with the signal's reason once that is aborted; what becomes of the work then is
 * nobody's. Where it was aborted before, nothing is begun.
 */
export async function abortable<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return await work();
  signal.throwIfAborted();
  const promise = work();
  promise.catch(() => {}); // it is not waited for when the signal comes first
  let end: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    end = () => reject(signal.reason);
    signal.addEventListener("abort", end, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", end!);
  }
}

/**
 * As `promise`, but rejects with `late()` after `maxMs`, and with the signal's reason once that is aborted. What comes of
 * `promise` after that is given to `unwanted`.
 */
export function withinLimits<T>(
  promise: Promise<T>,
  { maxMs, signal, late, unwanted = () => {} }: {
    readonly maxMs: number;
    readonly signal?: AbortSignal;
    readonly late: () => Error;
    readonly unwanted?: (value: T) => void;
  },
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const end = (settle: () => void) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
      settle();
    };
    const aborted = () => end(() => reject(signal!.reason));
    const timer = setTimeout(() => end(() => reject(late())), timerMs(maxMs));
    signal?.addEventListener("abort", aborted);
    if (signal?.aborted) aborted();
    promise.then((value) => {
      if (isOver) unwanted(value);
      end(() => resolve(value));
    }, (error) => end(() => reject(error)));
  });
}

/** Resolves with it, or with null after `maxMs`. */
export async function withinMs<T>(promise: Promise<T>, maxMs: number): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), timerMs(maxMs));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
