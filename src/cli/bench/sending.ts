/** How the producers of a bench send: flags and what they mean. */
import type { ProducerOptions } from "../../client/producer.ts";
import type { CompressionName } from "../../protocol/records/compression.ts";
import type { Call } from "../call.ts";
import type { Flag } from "../command.ts";
import { type PayloadKind, PAYLOADS } from "./payload.ts";

export const SENDING: readonly Flag[] = [
  { name: "--size", takes: "BYTES", doc: "Of a value; 1024 if not given." },
  {
    name: "--payload",
    takes: "KIND",
    doc: "Bytes that do not compress, words, or always the same; random if not given.",
    choices: PAYLOADS,
  },
  {
    name: "--acks",
    takes: "WHO",
    doc: "Who must have a record before it counts; all in-sync replicas if not given.",
    choices: ["all", "leader", "none"],
  },
  {
    name: "--idempotent",
    takes: "YES",
    doc: "Each record once and in order, over retries too; yes with --acks all if not given.",
    choices: ["yes", "no"],
  },
  {
    name: "--compression",
    takes: "CODEC",
    doc: "How batches are compressed; none if not given.",
    choices: ["none", "gzip", "snappy", "lz4", "zstd"],
  },
  { name: "--compression-level", takes: "N", doc: "For gzip (1 to 9) and zstd (1 to 22)." },
];

export interface Sending {
  readonly producer: ProducerOptions;
  readonly payload: PayloadKind;
  /** Bytes of a value. */
  readonly size: number;
}

export function sendingOf(
  call: Call,
  { minSize = 0 }: { readonly minSize?: number } = {},
): Sending {
  const acks = (call.text("--acks") ?? "all") as "all" | "leader" | "none";
  const asked = call.text("--idempotent");
  if (asked === "yes" && acks !== "all") {
    throw call.misused(`--idempotent yes needs --acks all, not ${acks}`);
  }
  const compression = (call.text("--compression") ?? "none") as CompressionName;
  return {
    producer: {
      acks,
      idempotent: acks === "all" && asked !== "no",
      compression,
      compressionLevel: levelOf(call, compression),
    },
    payload: (call.text("--payload") ?? "random") as PayloadKind,
    size: call.whole("--size", { min: minSize, max: MAX_SIZE }) ?? Math.max(minSize, 1024),
  };
}

function levelOf(call: Call, compression: CompressionName): number | undefined {
  const most = { gzip: 9, zstd: 22 }[compression as string];
  if (most !== undefined) {
    return call.whole("--compression-level", { min: 1, max: most }) ?? undefined;
  }
  const text = call.text("--compression-level");
  if (text === null) return undefined;
  throw call.misused(`--compression-level ${text}: ${compression} has none, gzip and zstd do`);
}

/** What brokers may take when they are told to: see runnel produce. */
const MAX_SIZE = 32 << 20;
