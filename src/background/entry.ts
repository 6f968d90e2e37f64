/**
 * Entry: what a background thread does. The thread loads this file, and answers one job after the other; in any other
 * place it is the table of jobs.
 */
import { matchNames } from "../groups/consumer/consumer_regex.ts";
import { validateRecords } from "../protocol/records/validate.ts";
import { isBackgroundThread } from "./thread.ts";

/** Pure functions of arguments that can be copied. */
export const jobs = { validateRecords, matchNames };
export type Jobs = typeof jobs;

export interface Asked {
  readonly job: keyof Jobs;
  readonly args: readonly unknown[];
}

/** Sent once when the thread is ready, then for each job. */
export type Told = "ready" | { readonly result: unknown } | { readonly error: string };

/** What of a worker's global is used here. */
interface Thread {
  onmessage: (event: { readonly data: Asked }) => void;
  postMessage(told: Told, transfer?: readonly ArrayBufferLike[]): void;
}

if (isBackgroundThread()) answer(globalThis as unknown as Thread);

function answer(thread: Thread): void {
  thread.onmessage = ({ data: { job, args } }) => {
    try {
      const result = (jobs[job] as (...args: readonly unknown[]) => unknown)(...args);
      const { bytes } = (result ?? {}) as { bytes?: Uint8Array };
      thread.postMessage({ result }, bytes instanceof Uint8Array ? [bytes.buffer] : []);
    } catch (error) {
      thread.postMessage({
        error: error instanceof Error ? error.stack ?? error.message : `${error}`,
      });
    }
  };
  thread.postMessage("ready");
}

/** Where a thread finds this file; null when it is not a file of its own any more, but bundled with others. */
export const entryUrl = import.meta.url.endsWith("/background/entry.ts") ? import.meta.url : null;
