/**
 * Background: work that would stop the event loop, on a thread that is started when it is first needed and ends when
 * there has been nothing to do for a while, which gives its memory back.
 *
 * One job at a time, first come, first served, each with a limit: what takes longer is broken off with the thread. Where
 * there can be no thread (a program that embeds Runnel bundled otherwise, or without the rights), jobs are done in
 * place, with pauses as long as the work between them, so that whoever else is served gets every second moment.
 */
import process from "node:process";
import { type Asked, entryUrl, type Jobs, jobs, type Told } from "./entry.ts";
import { THREAD_NAME } from "./thread.ts";

export interface BackgroundOptions {
  /** The file a thread begins in; absent: this room's own entry. */
  readonly url?: string | null;
  /** How long one job may take. */
  readonly limitMs: number;
  /** Told when there can be no thread. */
  readonly onProblem?: (event: string, details: Record<string, unknown>) => void;
}

/** A job took longer than it may. */
export class OverlongError extends Error {
  override readonly name = "OverlongError";
}

interface Waiting {
  readonly job: keyof Jobs;
  readonly args: () => readonly unknown[];
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Background {
  readonly #options: BackgroundOptions;
  #url: string | null;
  readonly #waiting: Waiting[] = [];
  #current: Waiting | null = null;
  #worker: Worker | null = null;
  #isReady = false;
  /** Of the process, when the thread began. */
  #residentBytes = 0;
  #limit: ReturnType<typeof setTimeout> | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  constructor(options: BackgroundOptions) {
    this.#options = options;
    this.#url = options.url === undefined ? entryUrl : options.url;
  }

  /** Whether there is no thread to be had. */
  get isInPlace(): boolean {
    return this.#url === null;
  }

  /**
   * Does a job. `args` are asked for when it is its turn, so that who waits holds no copies; they are copied to the
   * thread. Rejects with OverlongError, and with an Error for what the job threw or when stop() came first.
   */
  run<K extends keyof Jobs>(
    job: K,
    args: () => Parameters<Jobs[K]>,
  ): Promise<ReturnType<Jobs[K]>> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped) return reject(new Error("The background has stopped"));
      this.#waiting.push({ job, args, resolve: resolve as (result: unknown) => void, reject });
      this.#next();
    });
  }

  /** Ends the thread; what waits is rejected. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#idle);
    this.#end();
    const left = [...this.#current ? [this.#current] : [], ...this.#waiting.splice(0)];
    this.#current = null;
    for (const { reject } of left) reject(new Error("The background has stopped"));
  }

  #next(): void {
    if (this.#current !== null || this.#isStopped) return;
    const next = this.#waiting.shift();
    clearTimeout(this.#idle);
    if (next === undefined) {
      if (this.#worker !== null) this.#idle = setTimeout(() => this.#end(), IDLE_MS);
      return;
    }
    this.#current = next;
    if (this.#url === null) this.#doInPlace(next);
    else if (this.#worker === null) this.#begin(this.#url);
    else if (this.#isReady) this.#send(next);
  }

  #begin(url: string): void {
    try {
      const worker = new Worker(url, { type: "module", name: THREAD_NAME });
      worker.onmessage = ({ data }: MessageEvent<Told>) => {
        if (this.#worker === worker) this.#hear(data);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        if (this.#worker === worker) this.#giveUp(event.message);
      };
      this.#worker = worker;
      this.#residentBytes = process.memoryUsage().rss;
      this.#limit = setTimeout(() => this.#giveUp("it did not begin"), BEGIN_LIMIT_MS);
    } catch (error) {
      this.#giveUp(String(error));
    }
  }

  #hear(told: Told): void {
    clearTimeout(this.#limit);
    if (told === "ready") {
      this.#isReady = true;
      if (this.#current) this.#send(this.#current);
      return;
    }
    const done = this.#current;
    this.#current = null;
    if ("error" in told) done?.reject(new Error(told.error));
    else done?.resolve(told.result);
    // Garbage of its own goes with a thread; its collector comes when it likes.
    if (process.memoryUsage().rss - this.#residentBytes > MAX_GROWTH_BYTES) this.#end();
    this.#next();
  }

  #send({ job, args, reject }: Waiting): void {
    try {
      const asked: Asked = { job, args: args() };
      this.#worker!.postMessage(asked);
      this.#limit = setTimeout(() => this.#breakOff(), this.#options.limitMs);
    } catch (error) {
      this.#current = null;
      reject(error as Error);
      this.#next();
    }
  }

  #breakOff(): void {
    const overlong = this.#current;
    this.#current = null;
    this.#end();
    overlong?.reject(
      new OverlongError(`${overlong.job} took longer than ${this.#options.limitMs} ms`),
    );
    this.#next();
  }

  /** There is no thread to be had: from now on in place. */
  #giveUp(reason: string): void {
    this.#options.onProblem?.("background_in_place", { reason });
    this.#url = null;
    this.#end();
    if (this.#current !== null) this.#doInPlace(this.#current);
  }

  async #doInPlace({ job, args, resolve, reject }: Waiting): Promise<void> {
    await pause(0);
    const beganMs = performance.now();
    try {
      resolve((jobs[job] as (...args: readonly unknown[]) => unknown)(...args()));
    } catch (error) {
      reject(error as Error);
    }
    await pause(performance.now() - beganMs);
    this.#current = null;
    this.#next();
  }

  #end(): void {
    clearTimeout(this.#limit);
    this.#worker?.terminate();
    this.#worker = null;
    this.#isReady = false;
  }
}

const IDLE_MS = 5000;
/** How much more memory the process may have after a job before the next one gets a new thread. */
const MAX_GROWTH_BYTES = 64 << 20;
const BEGIN_LIMIT_MS = 30_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
