/**
 * Features: which levels of Kafka's features this broker can run at, and which are in force (KIP-584).
 *
 * A cluster is made with Kafka's levels, those of share and streams groups among them, so that Kafka can take it over;
 * clients are told only of what is served.
 */
import type { MetadataStore } from "./metadata_store.ts";

export const TRANSACTION_VERSION = "transaction.version";
export const GROUP_VERSION = "group.version";
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

/**
 * What a directory may say and lose nothing here: the ranges this node registers with, and in which a level may be
 * changed. Levels up to Kafka 4.4's:
 *
 * - metadata.version 31 brings no record, 32 allows ranges of addresses as hosts of access control entries, which are
 *   kept as they are, 33 UnregisterControllerRecord. No record has another layout than at 30.
 * - share.version and streams.version say which groups may be, of whom records are kept and nobody served.
 */
export const HELD_FEATURES: readonly Feature[] = [
  { name: GROUP_VERSION, minVersion: 0, maxVersion: 1 },
  { name: KRAFT_VERSION, minVersion: 0, maxVersion: 1 },
  { name: METADATA_VERSION, minVersion: 7, maxVersion: 33 },
  { name: "share.version", minVersion: 0, maxVersion: 2 },
  { name: "streams.version", minVersion: 0, maxVersion: 1 },
  { name: TRANSACTION_VERSION, minVersion: 0, maxVersion: 2 },
  { name: ELIGIBLE_LEADER_REPLICAS, minVersion: 0, maxVersion: 1 },
];

const NOT_SERVED = ["share.version", "streams.version"];

/** What clients are told of, by name. */
export const SERVED_FEATURES: readonly Feature[] = HELD_FEATURES
  .filter(({ name }) => !NOT_SERVED.includes(name))
  .sort((a, b) => a.name < b.name ? -1 : 1);

/** The levels in force of what is served; level 0 is told by leaving the feature out. */
export function finalizedFeatures(
  { catalogue, quorum: { kraftVersion } }: Pick<MetadataStore, "catalogue" | "quorum">,
): { name: string; level: number }[] {
  return SERVED_FEATURES.map(({ name }) => ({
    name,
    level: name === KRAFT_VERSION ? kraftVersion : catalogue.features.get(name) ?? 0,
  })).filter(({ level }) => level > 0);
}
