/** Retention: how long a topic's records stay, in words. */
import { bytes, duration } from "./numbers.ts";

/** `null`: it is not known, or -1, for ever. Kafka deletes what is too old or too much, and compacts the rest by key. */
export function retention(
  { cleanupPolicy, retentionMs, retentionBytes }: {
    readonly cleanupPolicy: string | null;
    readonly retentionMs: number | null;
    readonly retentionBytes: number | null;
  },
): string {
  if (cleanupPolicy === null) return "unknown";
  if (!cleanupPolicy.includes("delete")) return "last of each key";
  const bounds = [
    ...retentionMs === null || retentionMs < 0 ? [] : [duration(retentionMs)],
    ...retentionBytes === null || retentionBytes < 0
      ? []
      : [`${bytes(retentionBytes)} a partition`],
  ];
  const text = bounds.length === 0 ? "for ever" : bounds.join(" or ");
  return cleanupPolicy.includes("compact") ? `${text}, last of each key` : text;
}
