/**
 * Features: which levels of Kafka's features this broker can run at, and which are in force (KIP-584).
 *
 * A cluster is made with Kafka's levels, those of share and streams groups among them, so that Kafka can take it over;
 * clients are told only of what is served.
 */
import type { MetadataStore } from "./metadata_store.ts";

export const TRANSACTION_VERSION = "transaction.version";
export const METADATA_VERSION = "metadata.version";
export const ELIGIBLE_LEADER_REPLICAS = "eligible.leader.replicas.version";
/** Its level stands with the voters, not among the feature levels. */
export const KRAFT_VERSION = "kraft.version";

export interface Feature {
  readonly name: string;
  /** Both included. */
  readonly minVersion: number;
  readonly maxVersion: number;
}

export const SUPPORTED_FEATURES: readonly Feature[] = [
  { name: ELIGIBLE_LEADER_REPLICAS, minVersion: 0, maxVersion: 1 },
  { name: "group.version", minVersion: 0, maxVersion: 1 },
  { name: KRAFT_VERSION, minVersion: 0, maxVersion: 1 },
  { name: METADATA_VERSION, minVersion: 7, maxVersion: 30 },
  { name: TRANSACTION_VERSION, minVersion: 0, maxVersion: 2 },
];

/** The levels in force of what is supported; level 0 is told by leaving the feature out. */
export function finalizedFeatures(
  { catalogue, quorum: { kraftVersion } }: Pick<MetadataStore, "catalogue" | "quorum">,
): { name: string; level: number }[] {
  return SUPPORTED_FEATURES.map(({ name }) => ({
    name,
    level: name === KRAFT_VERSION ? kraftVersion : catalogue.features.get(name) ?? 0,
  })).filter(({ level }) => level > 0);
}
