/**
 * ProgressRecord: how far the copy of one partition has come, as it stands beside a committed offset on the target. Text of
 * at most 4096 characters, which is what brokers take (offset.metadata.max.bytes).
 */
import type { Identity } from "../../client/partition_sender.ts";
import { decodePoints, encodePoints, type Point } from "./offset_map.ts";

export interface ProgressRecord {
  readonly source: { readonly topic: string; readonly id: string };
  /** The target's topic, which is another one when it was deleted and made again. */
  readonly targetId: string;
  /** Whether this copy made the topic. */
  readonly isMade: boolean;
  /** Who sends. */
  readonly identity: Identity;
  readonly points: readonly Point[];
}

export function encodeProgress(progress: ProgressRecord): string {
  const { source, targetId, isMade, identity, points } = progress;
  return JSON.stringify({
    v: 1,
    topic: source.topic,
    id: source.id,
    target: targetId,
    made: isMade ? 1 : 0,
    producer: [identity.producerId, identity.producerEpoch],
    points: encodePoints(points),
  });
}

/** Null for what is none, also of a later version. */
export function decodeProgress(text: string): ProgressRecord | null {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (json === null || typeof json !== "object" || json.v !== 1) return null;
  const { topic, id, target, made, producer } = json;
  const points = typeof json.points === "string" ? decodePoints(json.points) : null;
  if (typeof topic !== "string" || typeof id !== "string" || typeof target !== "string") {
    return null;
  }
  if (!Array.isArray(producer) || !producer.every(Number.isSafeInteger)) return null;
  if (points === null || producer.length !== 2) return null;
  const [producerId, producerEpoch] = producer;
  return {
    source: { topic, id },
    targetId: target,
    isMade: made === 1,
    identity: { producerId, producerEpoch },
    points,
  };
}
