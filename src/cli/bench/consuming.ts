/** How the readers of a bench read: flags and what they mean. */
import type { Call } from "../call.ts";
import type { Flag } from "../command.ts";
import { type Limits, limitsOf } from "./limits.ts";
import type { FetchSizes } from "./reader.ts";

export const CONSUMING: readonly Flag[] = [
  {
    name: "--from",
    takes: "WHERE",
    doc: "start: up to where the topic ends now; end: what comes from now on; start if not given.",
    choices: ["start", "end"],
  },
  { name: "--partition", takes: "N", isRepeated: true, doc: "These partitions only, as 0 or 0,3." },
  { name: "--fetch-bytes", takes: "N", doc: "Of one fetch at most; 16777216 if not given." },
  {
    name: "--partition-bytes",
    takes: "N",
    doc: "Of one partition in a fetch at most; 1048576 if not given.",
  },
  { name: "--min-bytes", takes: "N", doc: "The broker waits for so many; 1 if not given." },
  { name: "--max-wait", takes: "TIME", doc: "It waits no longer; 500ms if not given." },
  {
    name: "--check-crcs",
    takes: "YES",
    doc: "Whether checksums are checked; yes if not given.",
    choices: ["yes", "no"],
  },
  {
    name: "--connections",
    takes: "N",
    doc: "How many read, each partitions of its own; 1 if not given.",
  },
];

export interface Consuming {
  readonly limits: Limits;
  readonly from: "start" | "end";
  readonly partitions: readonly number[];
  readonly sizes: FetchSizes;
  readonly connections: number;
}

export function consumingOf(call: Call): Consuming {
  const from = (call.text("--from") ?? "start") as "start" | "end";
  const bytes = (flag: string, otherwise: number) =>
    call.whole(flag, { min: 1, max: 0x7fffffff }) ?? otherwise;
  const maxWaitMs = call.durationMs("--max-wait") ?? 500;
  if (maxWaitMs > MOST_WAIT_MS) {
    throw call.misused(`--max-wait ${call.text("--max-wait")}: needs 0ms to 20s`);
  }
  return {
    limits: limitsOf(call, { defaultForMs: from === "end" ? 10_000 : Infinity }),
    from,
    partitions: call.texts("--partition").flatMap((text) => text.split(",")).map((text) => {
      if (/^\d{1,9}$/.test(text)) return Number(text);
      throw call.misused(`--partition ${text || '""'}: needs whole numbers, as 0 or 0,3`);
    }),
    sizes: {
      maxBytes: bytes("--fetch-bytes", 16 << 20),
      maxPartitionBytes: bytes("--partition-bytes", 1 << 20),
      minBytes: bytes("--min-bytes", 1),
      maxWaitMs,
      checkCrcs: call.text("--check-crcs") !== "no",
    },
    connections: call.whole("--connections", { min: 1, max: 1000 }) ?? 1,
  };
}

/** Below what a connection gives an answer. */
const MOST_WAIT_MS = 20_000;
