/** Transactions as `runnel txn` reads and prints them. */
import type { TopicPartition } from "../../client/list_offsets.ts";
import { ConfigError } from "../../config/load.ts";
import type { Call } from "../call.ts";

/** Of --longer-than; null where it is not given. Throws ConfigError. */
export function longerThanMs(call: Call): number | null {
  return call.secondsMs("--longer-than", MAX_S);
}

/** A hundred years. */
const MAX_S = 3_153_600_000;

export function unknownId(transactionalId: string): ConfigError {
  return new ConfigError(
    `There is no transactional id ${transactionalId}: \`runnel txn list\``,
  );
}

export function unknownPartition(topic: string, partition: number, count: number): ConfigError {
  return new ConfigError(
    `There is no partition ${partition} of ${topic}: it has 0 to ${count - 1}`,
  );
}

export function inOrder(a: TopicPartition, b: TopicPartition): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
