/**
 * Events: the warnings and errors of the log, with what each means and what to do about it. A line in the log gets the
 * latter as its field `advice`; docs/log.md is made from both.
 */
interface Event {
  /** What has happened, a sentence without its end. */
  readonly meaning: string;
  /** What whoever reads it should do; null when nothing. */
  readonly advice: string | null;
}

/** Null where there is no such event, or nothing to do. */
export function adviceOf(event: string): string | null {
  return events.get(event)?.advice ?? null;
}

const LOOK_AT_DISK = "look at the disk, if nobody touched the files";
const REPORT = "a fault of Runnel: please report it with this line";
const ROOM = "look at the disk: room, rights, faults";
const VERIFY =
  "stop the broker and ask `runnel storage verify`; restore a backup, or accept the loss with `runnel storage repair`";
const KEEP = "keep or remove what was renamed: nothing reads it";
const NOTHING = null;

const TABLE: readonly (readonly [name: string, meaning: string, advice: string | null])[] = [
  // Console
  ["console_failed", "A request of the console failed in the broker", REPORT],
  ["console_look_failed", "The console could not look at the metrics, and tries again", REPORT],
  // Clients
  [
    "unsupported_version",
    "A client asked in a version that is not served, and was disconnected",
    "use a client that picks versions by ApiVersions; those of Kafka 2.1 and newer do",
  ],
  [
    "unknown_api",
    "A client asked what is not served, and was disconnected",
    "do without, or use Apache Kafka for it: docs/compatibility.md lists the APIs served",
  ],
  [
    "malformed_request",
    "What came could not be understood, and the connection was ended",
    "see reason; let only Kafka clients connect, spoken to as the listener is; nothing if it was a port scan",
  ],
  ["handler_failed", "An answer could not be made, and the connection was ended", REPORT],
  ["connection_failed", "A connection ended for a reason that nobody foresaw", REPORT],
  [
    "connection_refused",
    "There were too many connections",
    "find who opens so many, or raise the limit that `need` names (limits.max_connections, quotas.*)",
  ],
  [
    "handshake_failed",
    "A client was not let in at a TLS listener: it speaks no TLS, does not trust the certificate, or has none that is trusted",
    "see reason; openssl s_client -connect HOST:PORT shows what the listener has",
  ],
  [
    "tls_certificate_refused",
    "The files of a listener's certificate have changed and cannot be used; the certificate before them stays",
    "see reason, mend the files; they are looked at again when they change",
  ],
  [
    "tls_certificate_not_valid",
    "The certificate that a listener shows is not valid today: clients refuse it",
    "replace it; it is taken without a restart",
  ],
  [
    "tls_key_shared",
    "The group of a private key's file can read it",
    "chmod 600, where only the broker has to read it; Kubernetes mounts need the group (defaultMode: 0440)",
  ],
  ["tls_look_failed", "The files of certificates could not be looked at", REPORT],
  [
    "unauthenticated_request",
    "A client asked for something before it said who it is",
    "configure it for the listener's security protocol",
  ],
  [
    "token_key_short",
    "delegation_token.secret_key has fewer than 16 characters, and whoever has a delegation token can try keys until one fits",
    "set a longer one, random (openssl rand -base64 32); the passwords of the tokens there are change with it",
  ],
  [
    "tokens_without_scram",
    "There is a delegation_token.secret_key, and no listener where anybody could log in with a delegation token",
    "add SCRAM-SHA-256 or SCRAM-SHA-512 to auth.mechanism, and a listener with SASL; or leave the key out",
  ],
  [
    "tokens_not_removed",
    "Expired delegation tokens could not be removed from the metadata; they are good for nothing all the same, and it is tried again",
    ROOM,
  ],
  [
    "login_failed",
    "A client did not prove who it says it is, or was not asked because too many are (result=busy) or its address fails too often (result=paced)",
    "nothing, once; many may be a client with an old password, or somebody who guesses: see peer; with mechanism=unknown, one that auth.mechanism does not offer",
  ],
  [
    "token_refused",
    "A token of OAUTHBEARER was refused",
    "see reason; compare oauth.issuer, oauth.audience and the keys with what the token says",
  ],
  [
    "signing_keys_unreadable",
    "The keys that tokens are signed with could not be read; those read before are used",
    "see reason; until there are keys nobody gets in by OAUTHBEARER",
  ],
  [
    "login_in_clear",
    "Clients of other machines log in over connections that are not encrypted",
    "give the listener TLS: SASL_SSL, tls.certificate_file",
  ],
  [
    "users_file_shared",
    "The group of the users file can read it",
    "chmod 600, where only the broker has to read it; Kubernetes mounts need the group (defaultMode: 0440)",
  ],
  [
    "users_file_refused",
    "The users file has changed and cannot be used; the users before it stay",
    "see reason, mend the file; it is read again when it changes",
  ],
  ["users_file_taken", "The users file has changed and was read", NOTHING],
  [
    "everyone_may_everything",
    "Clients have to say who they are, and whoever is let in may read, write and delete everything",
    "let in only whom you trust with all of it, or have ACLs asked (authorization.mode)",
  ],
  [
    "audit_failed",
    "The audit file cannot be written: changes are not written down, or refused (mode); it is tried every second",
    "look at the disk: room, rights, faults; runnel_audit_failing is 1 meanwhile",
  ],
  ["audit_resumed", "The audit file is written again", NOTHING],
  [
    "audit_file_changed",
    "Somebody moved, removed or wrote into the audit file: it is gone on with, or begun anew",
    "let Runnel rotate it (audit.rotate_bytes, audit.keep), and nobody else",
  ],
  [
    "audit_tail_missing",
    "Lines at the end of the audit file are gone: a power loss without audit.fsync, or somebody cut them off",
    "ask `runnel audit verify`; compare with a copy",
  ],
  [
    "audit_rotation_failed",
    "The audit file could not be renamed: it grows on, and that is tried again",
    ROOM,
  ],
  ["audit_removal_failed", "An old audit file could not be removed", ROOM],
  [
    "audit_head_failed",
    "The audit's head could not be written: a tail that is cut off is not missed until it can",
    ROOM,
  ],
  [
    "nobody_may_change_acls",
    "The ACLs were changed so that nobody may change them any more, and there is no super user",
    "set authorization.super_users and start again: a super user can make the ACL that is missing",
  ],
  [
    "accept_failed",
    "The system gave no further connection",
    "raise the limit of open files (ulimit -n, LimitNOFILE), or lower limits.max_connections",
  ],
  [
    "accept failed",
    "The system gave the HTTP port no further connection",
    "raise the limit of open files (ulimit -n, LimitNOFILE)",
  ],
  ["HTTP request failed", "A scrape or health check was not answered", REPORT],
  [
    "HTTP connection closed for another",
    "There were too many HTTP connections, and the oldest made room",
    "find who leaves them open, or raise limits.http_connections",
  ],
  [
    "scrape_truncated",
    "The metrics were longer than they may be, and were cut",
    "lower metrics.max_topics and its like, or raise metrics.max_scrape_bytes",
  ],
  // Room and devices
  [
    "disk_low",
    "Few bytes are free: producers are refused, everything else goes on",
    "make room: delete topics, shorten retention, or move to a larger disk",
  ],
  ["disk_has_room", "There is room again: producers are served", NOTHING],
  [
    "free_space_unknown",
    "Nobody can tell how much room there is: no floor is kept",
    "allow --allow-sys=statfs, or watch the disk yourself",
  ],
  ["fsync_failed", "A sync failed, and the broker ended", "replace the device, then start again"],
  ["write_failed", "Records could not be written; their producers were told so", ROOM],
  [
    "write_not_taken_back",
    "A part of a failed write is still in the file; the partition takes no records until it is out",
    ROOM,
  ],
  ["write_taken_back", "A failed write is out of the file, and the partition goes on", NOTHING],
  [
    "background_in_place",
    "There is no thread for work in the background: it is done in place",
    ROOM,
  ],
  ["reserve_failed", "Room for a stop on a full disk could not be set aside", ROOM],
  // What a start found
  [
    "systemd_not_told",
    "systemd waits to be told that the broker serves (Type=notify), and cannot be",
    "see reason; use Type=exec in the unit where it cannot be mended",
  ],
  ["log_healed", "A file disagreed with its log, or was missing, and was made anew", LOOK_AT_DISK],
  ["index_rebuilt", "An index was of no use, and was made anew from its log", LOOK_AT_DISK],
  ["txn_index_rebuilt", "An index of transactions was made anew from its log", LOOK_AT_DISK],
  ["leader_epochs_rebuilt", "The list of leader epochs was made anew from its log", LOOK_AT_DISK],
  ["snapshot_ignored", "A snapshot of producers was of no use; the log was read", LOOK_AT_DISK],
  [
    "metadata_snapshot_ignored",
    "A metadata snapshot was of no use; an older one was",
    LOOK_AT_DISK,
  ],
  ["checkpoint_ignored", "A checkpoint was of no use", LOOK_AT_DISK],
  [
    "checkpoint_disagrees",
    "A checkpoint says otherwise than the inventory, which counts",
    LOOK_AT_DISK,
  ],
  ["inventory_ignored", "The inventory was of no use: every log was looked at", LOOK_AT_DISK],
  ["clock_ignored", "The file of the clock was of no use", LOOK_AT_DISK],
  [
    "clock_ahead",
    "The clock is far ahead of what was confirmed: nothing is deleted by age meanwhile",
    "set the clock (NTP); if it is right, wait until it is confirmed",
  ],
  [
    "torn_tail_cut",
    "A crash left a write half done, of which nobody was told that it was kept",
    NOTHING,
  ],
  [
    "journal_unknown",
    "The journal does not say what was acknowledged: damage is kept, not cut",
    LOOK_AT_DISK,
  ],
  ["journal_aside", "A damaged journal was renamed aside", KEEP],
  ["journal_stays", "A journal could not be removed; it does no harm", ROOM],
  ["stray_folder", "A partition's folder that the metadata does not know was renamed", KEEP],
  [
    "partition_offline",
    "Records are missing or damaged: this partition's clients get error 56, the others are served",
    VERIFY,
  ],
  [
    "partition_not_opened",
    "A partition's log cannot be made or opened for now: its clients get error 56; it is tried again",
    ROOM,
  ],
  ["partition_online", "A partition that was offline is served again", NOTHING],
  ["opening_failed", "A partition could not be opened: its clients get error 56", ROOM],
  ["corrupt_batch", "A client read a batch whose checksum is wrong, and got error 2", VERIFY],
  ["producers_unreadable", "The state of a partition's producers could not be read", VERIFY],
  // Housekeeping, which is tried again
  ["snapshot_failed", "A snapshot of producers was not written: the next start reads more", ROOM],
  [
    "segments_not_removed",
    "Segments below a log's start could not be removed yet; it is tried again",
    ROOM,
  ],
  ["metadata_snapshot_failed", "A metadata snapshot was not written; it is tried again", ROOM],
  [
    "start_not_noted",
    "That a start is under way could not be written down; it matters only if this start is cut off",
    ROOM,
  ],
  [
    "cut_not_noted",
    "That a torn end of the metadata was cut could not be written down; this start knows of it",
    ROOM,
  ],
  ["metadata_not_synced", "A change of the metadata could not be synced", ROOM],
  ["metadata_watcher_failed", "A change of the metadata was not followed everywhere", REPORT],
  ["checkpoint_failed", "A checkpoint was not written: the next start looks at more", ROOM],
  ["inventory_failed", "The inventory was not written: the next start looks at more", ROOM],
  ["hints_unwritten", "Hints were not written: the next start looks at more", ROOM],
  ["clock_not_written", "The file of the clock was not written; it is tried again", ROOM],
  ["leader_epoch_failed", "A leader epoch was not written down", ROOM],
  ["housekeeping_failed", "Retention, checkpoints or removal failed; it is tried again", ROOM],
  ["retention_failed", "Old records were not deleted; it is tried again", ROOM],
  ["deletion_failed", "Deleted files were not removed; it is tried again", ROOM],
  ["removal_failed", "Deleted files were not removed; it is tried again", ROOM],
  ["segment_not_removed", "A deleted segment was not removed; it is tried again", ROOM],
  ["compaction_failed", "A log was not compacted; it is tried again", ROOM],
  ["placement_failed", "Partitions do not agree with the metadata yet; it is tried again", ROOM],
  ["placement_done", "Partitions agree with the metadata again", NOTHING],
  ["stop_incomplete", "The stop could not write all: the next start looks at more", ROOM],
  ["stop_not_marked", "The stop was not marked as clean: the next start looks at more", ROOM],
  // Groups
  [
    "group_load_failed",
    "A partition of __consumer_offsets is damaged: its groups get errors",
    VERIFY,
  ],
  ["group_load_healed", "The groups of that partition are served again", NOTHING],
  ["group_log_write_failed", "A group's state could not be written", ROOM],
  ["group_work_failed", "Work of a group failed", REPORT],
  ["group_move_failed", "Groups that an older version kept elsewhere were not moved", ROOM],
  [
    "config_without_effect",
    "A config was set that nothing comes of here: files are not made longer than what is written",
    "nothing; Kafka's preallocate reserves no room on Linux either",
  ],
  ["offsets_topic_failed", "__consumer_offsets could not be made; it is tried again", ROOM],
  // Transactions
  [
    "transaction_load_failed",
    "A partition of __transaction_state is damaged: its transactional ids get errors",
    VERIFY,
  ],
  ["transaction_load_healed", "The transactional ids of that partition are served again", NOTHING],
  ["transaction_log_write_failed", "A transaction's state could not be written", ROOM],
  ["transaction_topic_failed", "__transaction_state could not be made; it is tried again", ROOM],
  ["transaction_work_failed", "Work of a transaction failed", REPORT],
  [
    "transaction_marker_delayed",
    "A partition does not take the end of a transaction: it is tried again, and the transaction is not complete before",
    "look at why the partition does not serve",
  ],
  [
    "transaction_orphan_ended",
    "After a power loss records were there of a transaction that its coordinator does not know; nobody was told that they were kept, and they are aborted",
    "nothing",
  ],
  [
    "transaction_timed_out",
    "A transaction was open for too long, and is aborted; its producer is fenced",
    "look at the producer, or raise its transaction.timeout.ms",
  ],
];

/** By name, in the order of the documents. */
export const events: ReadonlyMap<string, Event> = new Map(
  TABLE.map(([name, meaning, advice]) => [name, { meaning, advice }]),
);
