/**
 * Sabotage: faults put into storage on purpose. Random histories must find each of them, or they would not find a real
 * one of its kind.
 */
import type { FaultyStore } from "./faulty_store.ts";
import { GroupCommit, type GroupCommitOptions } from "../storage/durability/group_commit.ts";
import type { LogManagerOptions } from "../storage/log_manager.ts";
import type { ProducerLimits } from "../storage/producers/producer_state.ts";

export interface Sabotage {
  /** Does something to every store that is opened. */
  readonly store?: (store: FaultyStore) => void;
  readonly groupCommit?: (options: GroupCommitOptions) => GroupCommit;
  /** What the start takes for the journal. */
  readonly journal?: (entries: LogManagerOptions["journal"]) => LogManagerOptions["journal"];
  /** Every start takes the last stop for a clean one. */
  readonly isAlwaysClean?: boolean;
  readonly producers?: ProducerLimits;
  /** A topic that is made again has the id of the one before, whose folder stays. */
  readonly reusesTopicIds?: boolean;
}

export const SABOTAGES: Record<string, Sabotage> = {
  "every sync lies": {
    store: (store) => store.fail({ on: "sync", how: "lie", forever: true }),
  },
  "syncs of folders lie": {
    store: (store) => store.fail({ on: "syncFolder", how: "lie", forever: true }),
  },
  "the group commit acknowledges what is only written": {
    groupCommit: (options) => new GroupCommit({ ...options, policy: "os" }),
  },
  "the journal is not looked at after a crash": { journal: () => [] },
  "the journal's last entry is forgotten": { journal: (entries) => entries.slice(0, -1) },
  "every start takes itself for one after a clean stop": { isAlwaysClean: true },
  "producers are forgotten": { producers: { maxProducers: 1, expirationMs: 86_400_000 } },
  "a topic made again is taken for the one before": {
    reusesTopicIds: true,
    store: (store) => {
      const rename = store.rename.bind(store);
      store.rename = (from, to) => {
        if (!to.endsWith("-delete")) rename(from, to);
      };
    },
  },
  "cuts are not done": {
    store: (store) => {
      const open = store.open.bind(store);
      store.open = (path) => {
        const blob = open(path);
        if (path.endsWith(".log")) blob.truncate = () => {};
        return blob;
      };
    },
  },
  "a write through a thread loses its last byte": {
    store: (store) => {
      const open = store.open.bind(store);
      store.open = (path) => {
        const blob = open(path), append = blob.appendAsync.bind(blob);
        blob.appendAsync = (bytes) => append(bytes.subarray(0, bytes.length - 1));
        return blob;
      };
    },
  },
};
