/**
 * QuorumState: the file `quorum-state`, which says who led the metadata log last and in which epoch. Kafka reads it
 * before the log: a leader must begin a later epoch than the file tells.
 *
 *     {"clusterId":"","leaderId":0,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,
 *      "currentVoters":[{"voterId":0}],"data_version":0}
 *
 * Version 1 belongs to quorums whose voters stand in the log itself (KIP-853): no currentVoters, and a votedDirectoryId.
 */
import { ZERO_UUID } from "../bytes/uuid.ts";
import type { Store } from "../storage/store.ts";
import { MetadataLogError } from "./metadata_log_error.ts";

export interface QuorumState {
  readonly leaderEpoch: number;
  readonly dataVersion: 0 | 1;
  /** Empty when they stand in the log. */
  readonly voters: readonly number[];
}

/** Null when there is no file: a directory that was formatted and never started, or is empty. */
export function readQuorumState(store: Store, folder: string): QuorumState | null {
  const path = `${folder}/quorum-state`;
  const bytes = store.readAll(path);
  if (bytes === null) return null;
  const text = new TextDecoder().decode(bytes);
  const state = parse(text);
  if (state === null) {
    throw new MetadataLogError(
      `Cannot read ${store.name}/${path}: it holds ${
        JSON.stringify(text.slice(0, 200))
      }, needs Kafka's quorum state of version 0 or 1. Nothing has been changed. ` +
        "Restore it from a backup; of a cluster of one node it is made anew from the log when it is moved away",
    );
  }
  return state;
}

/** Written before the epoch's first record, so that no two starts lead the same epoch. */
export function writeQuorumState(
  store: Store,
  folder: string,
  leaderId: number,
  state: QuorumState,
): Promise<void> {
  const voted = { leaderId, leaderEpoch: state.leaderEpoch, votedId: -1 };
  const content = state.dataVersion === 0
    ? {
      clusterId: "",
      ...voted,
      appliedOffset: 0,
      currentVoters: state.voters.map((voterId) => ({ voterId })),
      data_version: 0,
    }
    : { ...voted, votedDirectoryId: ZERO_UUID, data_version: 1 };
  return store.replace(
    `${folder}/quorum-state`,
    new TextEncoder().encode(JSON.stringify(content)),
  );
}

function parse(text: string): QuorumState | null {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const { leaderEpoch, data_version: dataVersion, currentVoters = [] } = json ?? {};
  if (!Number.isSafeInteger(leaderEpoch) || dataVersion !== 0 && dataVersion !== 1) return null;
  if (!Array.isArray(currentVoters) || (leaderEpoch as number) < 0) return null;
  return {
    leaderEpoch: leaderEpoch as number,
    dataVersion,
    voters: currentVoters.map((voter) => Number(voter?.voterId)),
  };
}
