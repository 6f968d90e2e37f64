/**
 * DenialLimit: how many lines of denials and log-ins are written: so many a second of each principal and address, and
 * ten times as many of all. The rest are counted, by whom they are of, and the counts are lines themselves: every denial
 * is in exactly one line, as itself or in a count.
 */
import type { EventKind } from "./event.ts";

export interface LimitedKey {
  readonly kind: EventKind;
  readonly principal: string | null;
  /** null: of many. */
  readonly address: string | null;
}

/** What was not written of one. */
export interface Suppressed extends LimitedKey {
  readonly count: number;
  readonly sinceMs: number;
}

interface Window {
  readonly key: LimitedKey;
  startMs: number;
  written: number;
  suppressed: number;
  sinceMs: number;
}

export interface DenialLimitOptions {
  readonly perSecond: number;
  readonly monotonicMs: () => number;
  readonly nowMs: () => number;
}

const WINDOW_MS = 1000;
const OF_ALL = 10;
/** Who comes when so many are known is counted with the others. */
const MAX_KEYS = 1000;

export class DenialLimit {
  readonly #options: DenialLimitOptions;
  readonly #windows = new Map<string, Window>();
  /** By kind: those for whom there was no window left, and the share of all. */
  readonly #all = new Map<EventKind, { readonly total: Window; readonly others: Window }>();
  #total = 0;
  /** Of #total: what take() has not told. */
  #untold = 0;

  constructor(options: DenialLimitOptions) {
    this.#options = options;
  }

  /** How many were ever suppressed. */
  get total(): number {
    return this.#total;
  }

  /** Whether a line may be written; where not, it is counted. */
  admits(key: LimitedKey): boolean {
    const { perSecond } = this.#options, { total, others } = this.#ofKind(key.kind);
    const window = this.#windowOf(key) ?? others;
    if (this.#hasRoom(total, OF_ALL * perSecond) && this.#hasRoom(window, perSecond)) {
      total.written++;
      window.written++;
      return true;
    }
    this.#count(window);
    return false;
  }

  /** Counts one that was admitted and could not be written. */
  suppress(key: LimitedKey): void {
    this.#count(this.#windowOf(key) ?? this.#ofKind(key.kind).others);
  }

  /** Whether anything was counted that take() would tell. */
  get isCounting(): boolean {
    return this.#untold > 0;
  }

  /** What was counted, which is forgotten; and whoever has been quiet. */
  take(): Suppressed[] {
    const taken: Suppressed[] = [], monotonicMs = this.#options.monotonicMs();
    for (const window of this.#counting()) {
      if (window.suppressed === 0) continue;
      taken.push({ ...window.key, count: window.suppressed, sinceMs: window.sinceMs });
      window.suppressed = 0;
    }
    this.#untold = 0;
    for (const [text, { startMs }] of this.#windows) {
      if (monotonicMs - startMs >= WINDOW_MS) this.#windows.delete(text);
    }
    return taken;
  }

  /** What was taken and could not be written is counted again. */
  putBack({ count, sinceMs, ...key }: Suppressed): void {
    const window = this.#windowOf(key) ?? this.#ofKind(key.kind).others;
    window.sinceMs = window.suppressed === 0 ? sinceMs : Math.min(sinceMs, window.sinceMs);
    window.suppressed += count;
    this.#untold += count;
  }

  *#counting(): Generator<Window> {
    yield* this.#windows.values();
    for (const { others } of this.#all.values()) yield others;
  }

  #hasRoom(window: Window, limit: number): boolean {
    const monotonicMs = this.#options.monotonicMs();
    if (monotonicMs - window.startMs >= WINDOW_MS) {
      window.startMs = monotonicMs;
      window.written = 0;
    }
    return window.written < limit;
  }

  #count(window: Window): void {
    if (window.suppressed === 0) window.sinceMs = this.#options.nowMs();
    window.suppressed++;
    this.#total++;
    this.#untold++;
  }

  #windowOf(key: LimitedKey): Window | undefined {
    const text = JSON.stringify([key.kind, key.principal, key.address]);
    let window = this.#windows.get(text);
    if (window === undefined && this.#windows.size < MAX_KEYS) {
      this.#windows.set(text, window = newWindow(key));
    }
    return window;
  }

  #ofKind(kind: EventKind) {
    let all = this.#all.get(kind);
    if (all === undefined) {
      const nobody = { kind, principal: null, address: null };
      this.#all.set(kind, all = { total: newWindow(nobody), others: newWindow(nobody) });
    }
    return all;
  }
}

function newWindow(key: LimitedKey): Window {
  return { key, startMs: -Infinity, written: 0, suppressed: 0, sinceMs: 0 };
}
