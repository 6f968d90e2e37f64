/** CatalogueChange: what records did to the catalogue, for those who must follow: logs, coordinators, ACLs, quotas. */
import type { Uuid } from "../bytes/uuid.ts";
import type { AccessControlEntry, Partition, Topic } from "./catalogue.ts";
import type { ValueOf } from "./metadata_record.ts";

/** What a run of records changed, for those who must follow. */
export interface CatalogueChange {
  readonly created: Set<Topic>;
  readonly deleted: Topic[];
  /** Topics with more partitions than before, with the index of the first new one. */
  readonly grown: Map<Topic, number>;
  /** Partitions of topics that stay whose leader or replicas changed. */
  readonly moved: { readonly topic: Topic; readonly partition: Partition }[];
  /** Topics whose configs changed. */
  readonly configured: Set<Topic>;
  /** Whether broker configs, and with them every topic's defaults, changed. */
  brokerConfigured: boolean;
  /** Access control entries by id, null for one that was removed; null where there are none of them in it. */
  acls: Map<Uuid, AccessControlEntry | null> | null;
  /** Quotas that were set or removed, in that order; null where there are none of them in it. */
  quotas: Readonly<ValueOf<"ClientQuotaRecord">>[] | null;
}

export function noChange(): CatalogueChange {
  return {
    created: new Set(),
    deleted: [],
    grown: new Map(),
    moved: [],
    configured: new Set(),
    brokerConfigured: false,
    acls: null,
    quotas: null,
  };
}

/** The ids of the topics that a change is of. */
export function changedTopics(change: CatalogueChange): Set<Uuid> {
  const { created, deleted, grown, moved, configured } = change;
  const topics = [...created, ...deleted, ...grown.keys(), ...configured];
  return new Set([...topics, ...moved.map(({ topic }) => topic)].map(({ id }) => id));
}

/** Whether a topic of this name is among them. */
export function hasTopic(topics: Iterable<Topic>, name: string): boolean {
  for (const topic of topics) if (topic.name === name) return true;
  return false;
}
