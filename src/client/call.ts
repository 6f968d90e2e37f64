/**
 * Calls: what every call of the client may be given, and how a wait ends when its caller gives up.
 */

export interface CallOptions {
  /** Ends the call when it is aborted, with the signal's reason. What was asked of a broker may take effect still. */
  readonly signal?: AbortSignal;
  /** How long the call may go on trying; `callTimeoutMs` of the cluster if not given. */
  readonly timeoutMs?: number;
}

/** As `promise`, but rejects with the signal's reason once that is aborted; what becomes of `promise` then is nobody's. */
export async function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return await promise;
  promise.catch(() => {}); // it is not waited for when the signal comes first
  signal.throwIfAborted();
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

/** Resolves with it, or with null after `maxMs`. */
export async function withinMs<T>(promise: Promise<T>, maxMs: number): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), maxMs));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
