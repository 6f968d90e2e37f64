/**
 * Types: what a bench is. Each file gives run.ts a name, and a function that loads a broker and says what it saw.
 */
import type { Histogram } from "./histogram.ts";
import type { Usage } from "./usage.ts";

export type Size = "smoke" | "full";

export interface Bench {
  readonly name: string;
  /** The flush settings it is worth running with. */
  readonly flush: readonly Flush[];
  /** Its broker asks ACLs, and allows what none is of. */
  readonly asksAcls?: boolean;
  run(target: Target, size: Size): Promise<Result[]>;
}

export type Flush = "fsync" | "os";

/** A running broker. */
export interface Target {
  /** "127.0.0.1:9092" */
  readonly address: string;
  /** Whom to trust there, in PEM; absent where nothing is encrypted. */
  readonly caCert?: string;
  /** "127.0.0.1:9093", where its metrics are; absent where they are not Runnel's. */
  readonly httpAddress?: string;
  /** What its process has used so far; absent where that cannot be asked. */
  readonly usage?: () => Promise<Usage>;
  stop(): Promise<void>;
}

/** One line of the table. */
export interface Result {
  /** What varies within a bench: "4 connections × 5 in flight × 16 KiB". */
  readonly load: string;
  readonly requests: number;
  /** Bytes of record values moved. */
  readonly bytes: number;
  readonly seconds: number;
  readonly latency: Histogram;
  /** What else was counted, in words. */
  readonly also?: string;
}

/** How long to warm up and to measure. */
export function durations(size: Size): { warmUpMs: number; measureMs: number } {
  return size === "full" ? { warmUpMs: 1000, measureMs: 4000 } : { warmUpMs: 30, measureMs: 400 };
}
