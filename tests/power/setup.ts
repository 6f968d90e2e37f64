/** What brokers of the harness run with, which losses are tried on them, and which calls fail. */
import type { Random } from "./load.ts";
import type { Loss } from "./trace.ts";

/** What power losses are tried. */
export const LOSSES: Loss[] = [
  { name: "nothing unsynced", namesInOrder: true, names: 0, data: 0, zeros: false, piece: 4096 },
  { name: "names, no data", namesInOrder: true, names: 1, data: 0, zeros: false, piece: 4096 },
  { name: "names, zeros", namesInOrder: true, names: 1, data: 0, zeros: true, piece: 4096 },
  { name: "data, no names", namesInOrder: true, names: 0, data: 1, zeros: false, piece: 4096 },
  { name: "beginnings", namesInOrder: true, names: 0.5, data: "prefix", zeros: false, piece: 512 },
  {
    name: "beginnings, pages",
    namesInOrder: true,
    names: 0.5,
    data: "prefix",
    zeros: false,
    piece: 4096,
  },
  { name: "half, sectors", namesInOrder: true, names: 0.5, data: 0.5, zeros: false, piece: 512 },
  {
    name: "half, pages, zeros",
    namesInOrder: true,
    names: 0.5,
    data: 0.5,
    zeros: true,
    piece: 4096,
  },
  { name: "most", namesInOrder: true, names: 0.5, data: 0.9, zeros: true, piece: 4096 },
  {
    name: "each folder's names",
    namesInOrder: false,
    names: 0.5,
    data: 0.5,
    zeros: false,
    piece: 4096,
  },
  { name: "no folder's names", namesInOrder: false, names: 0, data: 0, zeros: false, piece: 4096 },
  {
    name: "most of each folder",
    namesInOrder: false,
    names: 0.9,
    data: 1,
    zeros: false,
    piece: 4096,
  },
];

/** Of a broker in this process. */
export const CONFIG = (flush: string) => ({
  httpPort: 0,
  kafkaPort: 0,
  autoCreateTopics: false,
  storage: {
    flush: flush as "fsync",
    retentionCheckIntervalMs: 150,
    metadataSnapshotBytes: 8000,
    minFreeBytes: 0,
  },
  compaction: { backoffMs: 60 },
  log: { level: "warn" as const },
});

/** As recorder.c takes it. */
export function faultOf(random: Random): string {
  const kind = "WWWFOTRUM"[Math.floor(random() * 9)];
  const EIO = 5, EMFILE = 24, ENOSPC = 28;
  const errno = kind === "O" ? EMFILE : random() < 0.5 ? EIO : ENOSPC;
  const calls = { W: 4000, F: 800, O: 1200, T: 20, R: 60, U: 80, M: 30 }[kind]!;
  return `${kind}:${errno}:${Math.floor(random() * calls)}:${1 + Math.floor(random() ** 3 * 60)}`;
}

/** The same for one of its own process. */
export function toml(data: string, port: number, flush: string): string {
  return [
    `kafka_port = ${port}`,
    `http_port = ${port + 400}`,
    "auto_create_topics = false",
    "[storage]",
    `path = "${data}"`,
    `flush = "${flush}"`,
    "retention_check_interval_ms = 150",
    "metadata_snapshot_bytes = 8000",
    "min_free_bytes = 0",
    "[compaction]",
    "backoff_ms = 60",
    "[log]",
    'level = "warn"',
    "",
  ].join("\n");
}
