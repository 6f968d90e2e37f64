/**
 * Control records, which are in a log but not for its readers: transaction markers, and what KRaft tells itself.
 */
import { array, int16, int32, int64, message, string, struct, uint16, uuid } from "../schema.ts";

/** The key of a control record; a version stands in front of it. */
export const ControlRecordTypeSchema = message({
  name: "ControlRecordTypeSchema",
  versions: "0",
  flexible: "none",
  fields: {
    // 0 abort, 1 commit, 2 leader change, 3 snapshot header, 4 snapshot footer, 5 KRaft version, 6 voters
    type: int16,
  },
});

/** The value of a commit or abort marker; its key is a control record key. */
export const EndTxnMarker = message({
  name: "EndTxnMarker",
  versions: "0",
  flexible: "none",
  fields: {
    coordinatorEpoch: int32,
  },
});

const voter = {
  voterId: int32,
  voterDirectoryId: uuid.in("1+"),
};

/** Begins a leader's epoch in the metadata log. */
export const LeaderChangeMessage = message({
  name: "LeaderChangeMessage",
  versions: "0-1",
  flexible: "0+",
  fields: {
    version: int16,
    leaderId: int32,
    voters: array(voter),
    grantingVoters: array(voter),
  },
});

/** Begins a snapshot file. */
export const SnapshotHeaderRecord = message({
  name: "SnapshotHeaderRecord",
  versions: "0",
  flexible: "0+",
  fields: {
    version: int16,
    lastContainedLogTimestamp: int64,
  },
});

/** Ends a snapshot file; without it the snapshot is not whole. */
export const SnapshotFooterRecord = message({
  name: "SnapshotFooterRecord",
  versions: "0",
  flexible: "0+",
  fields: {
    version: int16,
  },
});

/** 0: static voters, 1: voters in the log (KIP-853). */
export const KRaftVersionRecord = message({
  name: "KRaftVersionRecord",
  versions: "0",
  flexible: "0+",
  fields: {
    version: int16,
    kRaftVersion: int16,
  },
});

/** The voters of the metadata quorum (KIP-853). */
export const VotersRecord = message({
  name: "VotersRecord",
  versions: "0",
  flexible: "0+",
  fields: {
    version: int16,
    voters: array({
      voterId: int32,
      voterDirectoryId: uuid,
      endpoints: array({
        name: string,
        host: string,
        port: uint16,
      }),
      kRaftVersionFeature: struct({
        minSupportedVersion: int16,
        maxSupportedVersion: int16,
      }),
    }),
  },
});
