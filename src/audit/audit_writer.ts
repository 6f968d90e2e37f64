/**
 * AuditWriter: what is to be written, in order, in batches, beside the event loop; bounded.
 *
 * A change takes a place before it begins and gives it back when its lines are written, so that no more than so many are
 * under way: the next one waits. Everything else gets in where there is room, and else is told that there is none: it
 * never takes a change's place.
 *
 *     working ──(a batch cannot be written)──▶ failing ──(it can, tried every second)──▶ working
 *
 * While it is failing: `continue` answers changes and keeps their lines for later, up to a limit, then counts them as lost;
 * `refuse` lets no change begin, and those that had begun have their answers wait, and then not leave.
 */
import type { Timers } from "../clock.ts";
import { type AuditFile, UnsyncedError } from "./audit_file.ts";
import { type Body, body, EVENT_VERSION } from "./event.ts";

export interface AuditWriterOptions {
  /** Null: lines go to the log alone. */
  readonly file: AuditFile | null;
  /** Takes a line; null: they go to the file alone. */
  readonly log: ((line: string) => void) | null;
  readonly fsync: boolean;
  readonly onFailure: "continue" | "refuse";
  readonly timers: Timers;
  readonly nowMs: () => number;
  readonly onEvent: (
    event: "audit_failed" | "audit_resumed",
    details: Record<string, unknown>,
  ) => void;
}

/** Whether the lines of a change are where they should be when its answer leaves. */
export type Written = "written" | "unwritten";

interface Entry {
  readonly body: Body;
  readonly isChange: boolean;
  /** Told when it is written, or when nobody should wait any longer. */
  settle: ((written: Written) => void) | null;
}

/** Changes under way. */
export const MAX_CHANGES = 256;
/** Lines of other kinds that wait. */
const MAX_OTHERS = 2000;
/** Of lines kept while the file cannot be written. */
const MAX_KEPT_BYTES = 4 << 20;
const MAX_BATCH_BYTES = 256 * 1024;
const RETRY_MS = 1000;
/** How long the answer of a change waits whose line cannot be written. */
export const ANSWER_WAIT_MS = 10_000;

export class AuditWriter {
  readonly #options: AuditWriterOptions;
  #pending: Entry[] = [];
  #others = 0;
  #keptBytes = 0;
  #changes = 0;
  readonly #waiting: (() => void)[] = [];
  #writing: Promise<void> | null = null;
  #failure: string | null = null;
  #cancelRetry: () => void = () => {};
  /** Take back the ends of waits of answers. */
  readonly #waits = new Set<() => void>();
  #lines = 0;
  #lost = 0;
  /** Of #lost: those that no line has told. */
  #lostUntold = 0;
  /** A line that says that it is written again waits, or was. */
  #isResumeTold = false;
  #isClosed = false;
  /** The last line was written, or given up. */
  #isOver = false;

  constructor(options: AuditWriterOptions) {
    this.#options = options;
  }

  /** Why the file cannot be written; null while it can. */
  get failure(): string | null {
    return this.#failure;
  }

  /** Whether no change may begin. */
  get refusesChanges(): boolean {
    return this.#failure !== null && this.#options.onFailure === "refuse";
  }

  /** Whether the answer of a change whose line is not written must not leave. */
  get mustBeWritten(): boolean {
    return this.#options.onFailure === "refuse";
  }

  get linesWritten(): number {
    return this.#lines;
  }

  /** Lines of changes that will never be written. */
  get linesLost(): number {
    return this.#lost;
  }

  get linesWaiting(): number {
    return this.#pending.length;
  }

  /** Writes the first line; why that cannot be, or null. */
  async open(first: Body): Promise<string | null> {
    this.#push({ body: first, isChange: true, settle: null });
    await this.#flush();
    return this.#failure;
  }

  /** Takes a change's place; what is answered is to be waited for where all are taken. Given back with leave(). */
  enter(): Promise<void> | null {
    if (this.#changes < MAX_CHANGES) {
      this.#changes++;
      return null;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    return promise;
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#changes--;
    else next(); // takes the place over
  }

  /** Writes the lines of a change. Never rejects. */
  change(bodies: readonly Body[]): Promise<Written> {
    if (bodies.length === 0) return Promise.resolve("written");
    if (this.#isOver) {
      this.#lose(bodies.length);
      return Promise.resolve("unwritten");
    }
    const { promise, resolve } = Promise.withResolvers<Written>();
    const isLate = this.#failure !== null && this.#options.onFailure === "continue";
    bodies.forEach((text, i) => {
      if (isLate && this.#keptBytes + text.length > MAX_KEPT_BYTES) return this.#lose(1);
      const settle = i === bodies.length - 1 && !isLate ? resolve : null;
      this.#push({ body: text, isChange: true, settle });
    });
    if (isLate) resolve("unwritten");
    else if (this.#failure !== null) this.#settleLater();
    this.#begin();
    return promise;
  }

  /** Writes a line that is no change's; false where there is no room for it. */
  offer(text: Body): boolean {
    if (this.#failure !== null || this.#others >= MAX_OTHERS || this.#isClosed) return false;
    this.#others++;
    this.#push({ body: text, isChange: false, settle: null });
    this.#begin();
    return true;
  }

  /** Writes what waits, and these last lines; once more where that failed. Nothing is written any more. */
  async close(last: readonly Body[]): Promise<void> {
    this.#isClosed = true;
    this.#cancelRetry();
    for (const text of last) this.#push({ body: text, isChange: true, settle: null });
    await this.#writing;
    await this.#flush();
    this.#isOver = true;
    for (const cancel of this.#waits) cancel();
    const left = this.#pending.filter(({ isChange }) => isChange).length;
    this.#settleAll();
    if (left > 0) this.#options.onEvent("audit_failed", { error: this.#failure, lost: left });
  }

  #push(entry: Entry): void {
    this.#pending.push(entry);
    this.#keptBytes += entry.body.length;
  }

  #lose(count: number): void {
    this.#lost += count;
    this.#lostUntold += count;
  }

  /** What one turn brings is one batch. */
  #begin(): void {
    if (this.#writing !== null || this.#failure !== null || this.#isClosed) return;
    this.#start();
  }

  #start(): void {
    this.#writing = Promise.resolve().then(() => this.#flush()).finally(() => {
      this.#writing = null;
      if (this.#pending.length > 0) this.#begin();
    });
  }

  /** Writes everything that waits, until something fails. Never rejects. */
  async #flush(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#batch();
      const error = await this.#write(batch);
      if (error === null || error instanceof UnsyncedError) this.#done(batch, error === null);
      if (error !== null) return this.#failed(error);
      this.#works();
    }
  }

  /** The first lines that wait, which stay there until they are written. */
  #batch(): Entry[] {
    let bytes = 0, count = 0;
    for (const { body } of this.#pending) {
      if (count > 0 && bytes + body.length > MAX_BATCH_BYTES) break;
      bytes += body.length;
      count++;
    }
    return this.#pending.slice(0, count);
  }

  async #write(batch: readonly Entry[]): Promise<Error | null> {
    const { file, fsync } = this.#options;
    if (file === null) return null;
    const sync = fsync && batch.some(({ isChange }) => isChange);
    try {
      await file.write(batch.map(({ body }) => body), { sync });
      return null;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** They are in the file. */
  #done(batch: readonly Entry[], isDurable: boolean): void {
    this.#pending = this.#pending.slice(batch.length);
    this.#lines += batch.length;
    for (const { body, isChange, settle } of batch) {
      this.#keptBytes -= body.length;
      if (!isChange) this.#others--;
      this.#options.log?.(`{"v":${EVENT_VERSION},${body}}`);
      settle?.(isDurable ? "written" : "unwritten");
    }
  }

  #failed(error: Error): void {
    const { onFailure, onEvent, timers } = this.#options;
    if (this.#failure === null) onEvent("audit_failed", { error: error.message, mode: onFailure });
    this.#failure = error.message;
    if (onFailure === "continue") this.#settleAll();
    else this.#settleLater();
    if (this.#isClosed) return;
    this.#cancelRetry();
    this.#cancelRetry = timers.after(RETRY_MS, () => {
      if (this.#writing !== null || this.#isClosed) return;
      // With nothing to write a line is made, by which it is seen whether it can be.
      if (this.#pending.length === 0) this.#resumed();
      this.#start();
    });
  }

  #works(): void {
    if (this.#failure === null) return;
    this.#failure = null;
    this.#options.onEvent("audit_resumed", { lost: this.#lost });
    if (!this.#isResumeTold || this.#lostUntold > 0) this.#resumed();
    this.#isResumeTold = false;
  }

  /** Says that lines may be missing, and how many. */
  #resumed(): void {
    const fields = { event: "resumed", lost_changes: this.#lostUntold };
    const text = body(this.#options.nowMs(), "audit", fields);
    this.#lostUntold = 0;
    this.#isResumeTold = true;
    this.#push({ body: text, isChange: true, settle: null });
  }

  /** Nobody waits any longer for what is not written; it is kept all the same. */
  #settleAll(): void {
    for (const entry of this.#pending) {
      entry.settle?.("unwritten");
      entry.settle = null;
    }
  }

  #settleLater(): void {
    const late = this.#pending.filter(({ settle }) => settle !== null);
    if (late.length === 0) return;
    const cancel = this.#options.timers.after(ANSWER_WAIT_MS, () => {
      this.#waits.delete(cancel);
      for (const entry of late) {
        entry.settle?.("unwritten"); // heard once: what was written meanwhile was said to be
        entry.settle = null;
      }
    });
    this.#waits.add(cancel);
  }
}
