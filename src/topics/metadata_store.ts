/**
 * MetadataStore: where topics, configs and registrations are kept. Here it is the metadata log; in a cluster it can
 * be any store with a conditional write and a watch.
 *
 * Reading is the catalogue, a local image that follows the store. Writing is a transaction: a pure function looks at
 * the image and answers records, which are stored only if the image was the newest. The image changes only after the
 * records are durable, so nobody sees a topic that a power loss takes back.
 */
import type { Uuid } from "../bytes/uuid.ts";
import type { Catalogue } from "./catalogue.ts";
import type { CatalogueChange } from "./catalogue_change.ts";
import type { NewRecord } from "./metadata_record.ts";

/** What a transaction wants written, and what it answers its caller when that is done. */
export interface Plan<Result> {
  readonly records: readonly NewRecord[];
  readonly result: Result;
}

/** Told what a commit changed; commits and replies wait for the promise. The change stands, whatever becomes of it. */
export type Watcher = (change: CatalogueChange) => void | Promise<void>;

export interface MetadataStore {
  readonly catalogue: Catalogue;
  /** Grows with every commit; the offset of the last record applied. */
  readonly version: number;
  /**
   * Runs `plan` on the newest image and stores its records all or none. Resolves once they are durable, applied and
   * every watcher has finished. Plans run one at a time in the order of the calls; a store with other writers may run
   * one again. Rejects with NotWrittenError when the store failed, with nothing applied.
   */
  transact<Result>(plan: (catalogue: Catalogue) => Plan<Result>): Promise<Result>;
  /** Calls the watcher for every commit from now on; returns what ends that. */
  watch(watcher: Watcher): () => void;
  /** Who decides what is written, as DescribeQuorum tells it. */
  readonly quorum: QuorumView;
}

export interface QuorumView {
  readonly leaderEpoch: number;
  /** 0: the voters are fixed; 1: they stand in the log (KIP-853). */
  readonly kraftVersion: number;
  readonly directoryId: Uuid;
}
