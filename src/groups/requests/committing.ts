/**
 * Requests about committed offsets: committing, fetching and deleting them. The names and ids of topics are the
 * handlers' business; here a topic is a name, with the id it has now.
 */
import { type Uuid, ZERO_UUID } from "../../bytes/uuid.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { appendError } from "../../coordination/append_error.ts";
import type { GroupCoordinator } from "../coordinator.ts";
import { apply } from "../classic/classic_facts.ts";
import { consumerFetchError } from "../consumer/consumer_offsets.ts";
import type { Group } from "../group.ts";
import type { GroupPartition } from "../group_shard.ts";
import {
  commitError,
  decideCommit,
  decideOffsetDelete,
  type OffsetCommitEvent,
  offsetDeleteError,
} from "../offsets/offset_machine.ts";
import type { CommittedOffset } from "../offsets/offsets.ts";

export interface OffsetCommitment extends OffsetCommitEvent {
  readonly groupId: string;
  /** v9+: a group that does not exist has an error code of its own. */
  readonly knowsGroupIdNotFound: boolean;
}

/** An error code for each offset, once what was accepted is kept. The group may be "": old clients commit under it. */
export function commitOffsets(
  coordinator: GroupCoordinator,
  commitment: OffsetCommitment,
): Promise<number[]> {
  const { groupId, offsets } = commitment;
  const all = (errorCode: number) => Promise.resolve(offsets.map(() => errorCode));
  const partition = coordinator.place(groupId);
  if (typeof partition === "number") return all(partition);
  const known = partition.shard.get(groupId);
  const refused = commitError(known, commitment, commitment.knowsGroupIdNotFound);
  if (typeof refused === "number" && refused !== ErrorCode.NONE) return all(refused);
  if (known === undefined && coordinator.isFull) return all(ErrorCode.GROUP_MAX_SIZE_REACHED);
  if (!coordinator.hasRoomFor(offsets, known)) return all(ErrorCode.INVALID_COMMIT_OFFSET_SIZE);

  const now = coordinator.now();
  if (known) keepSession(known, commitment.memberId, now.ms);
  const maxMetadataLength = coordinator.maxMetadataLength(offsets);
  const { facts, errorCodes } = decideCommit(commitment, {
    wallMs: now.wallMs,
    maxMetadataLength,
    check: typeof refused === "number" ? undefined : refused,
  });
  if (facts.length === 0) return Promise.resolve(errorCodes);
  const failed = partition.write(partition.shard.getOrNew(groupId, now.wallMs), facts, now.wallMs);
  if (failed !== ErrorCode.NONE) {
    const errorCode = commitAppendError(failed);
    return Promise.resolve(errorCodes.map((code) => code === ErrorCode.NONE ? errorCode : code));
  }
  coordinator.metrics.offsetCommits += facts.length;
  return kept(partition, errorCodes, offsets.map(() => ErrorCode.NOT_COORDINATOR));
}

/** What a group has committed; null where there is nothing. */
export interface FetchedOffset {
  readonly topic: string;
  readonly partition: number;
  readonly committed: CommittedOffset | null;
  /** A transaction that is not over may change it, and the caller wants to know (88). */
  readonly isUnstable: boolean;
}

/** Who fetches, which only consumer groups check. */
export interface FetchClaim {
  readonly memberId: string | null;
  readonly memberEpoch: number;
}

const NOT_A_MEMBER: FetchClaim = { memberId: null, memberEpoch: -1 };

/**
 * The offsets of these partitions, or of all that have one; the error code when the group cannot be asked for. An
 * unknown group simply has none. Resolves when what is shown is kept, so that no restart takes it back.
 */
export function fetchOffsets(
  coordinator: GroupCoordinator,
  groupId: string,
  wanted: readonly WantedOffset[] | null,
  requireStable: boolean,
  claim: FetchClaim = NOT_A_MEMBER,
): Promise<readonly FetchedOffset[] | number> {
  const reader = OffsetReader.of(coordinator, { groupId, requireStable, claim });
  if (typeof reader === "number") return Promise.resolve(reader);
  const fetched = wanted?.map((one) => reader.read(one)) ?? reader.all();
  return reader.kept<readonly FetchedOffset[] | number>(fetched, ErrorCode.NOT_COORDINATOR);
}

export interface WantedOffset {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly partition: number;
}

/**
 * Reads a group's offsets, some at a time: each as it is then. Nothing of it may be told before kept() says so, which
 * also knows whether the group was here all the time.
 */
export class OffsetReader {
  readonly #coordinator: GroupCoordinator;
  readonly #partition: GroupPartition;
  readonly #groupId: string;
  readonly #requireStable: boolean;

  private constructor(
    coordinator: GroupCoordinator,
    partition: GroupPartition,
    { groupId, requireStable }: { readonly groupId: string; readonly requireStable: boolean },
  ) {
    this.#coordinator = coordinator;
    this.#partition = partition;
    this.#groupId = groupId;
    this.#requireStable = requireStable;
  }

  /** The error code when the group cannot be asked for, or not by the one who asks. */
  static of(
    coordinator: GroupCoordinator,
    { claim = NOT_A_MEMBER, ...asked }: {
      readonly groupId: string;
      readonly requireStable: boolean;
      readonly claim?: FetchClaim;
    },
  ): OffsetReader | number {
    const partition = coordinator.place(asked.groupId);
    if (typeof partition === "number") return partition;
    const members = partition.shard.get(asked.groupId)?.members;
    if (members?.type === "consumer") {
      const refused = consumerFetchError(members, claim.memberId, claim.memberEpoch);
      if (refused !== ErrorCode.NONE) return refused;
    }
    return new OffsetReader(coordinator, partition, asked);
  }

  read({ topic, topicId, partition }: WantedOffset): FetchedOffset {
    const { shard } = this.#partition, groupId = this.#groupId;
    const committed = shard.get(groupId)?.offsets.get(topic, partition) ?? null;
    return {
      topic,
      partition,
      committed: committed !== null && isOf(committed, topicId) ? committed : null,
      isUnstable: this.#requireStable && shard.pending.has(groupId, { topic, partition }),
    };
  }

  /** Of all partitions that have one. */
  all(): FetchedOffset[] {
    const group = this.#partition.shard.get(this.#groupId);
    return committedPartitions(group).map((one) => this.read(one));
  }

  /** The answer, once what it rests on is kept; `lost` where that cannot be said, or the group went elsewhere meanwhile. */
  kept<T>(answer: T, lost: T): Promise<T> {
    const isHere = this.#coordinator.place(this.#groupId) === this.#partition;
    return isHere ? kept(this.#partition, answer, lost) : Promise.resolve(lost);
  }
}

/** Whether an offset was committed for the topic of this id, and not for an older one of the same name. */
export function isOf({ topicId }: CommittedOffset, id: Uuid): boolean {
  return topicId === id || topicId === ZERO_UUID || id === ZERO_UUID;
}

/** Deletes offsets; an error code for each, or one for the request. */
export function deleteOffsets(
  coordinator: GroupCoordinator,
  groupId: string,
  offsets: readonly { readonly topic: string; readonly partition: number }[],
): Promise<readonly number[] | number> {
  if (groupId === "") return Promise.resolve(ErrorCode.INVALID_GROUP_ID);
  const partition = coordinator.place(groupId);
  if (typeof partition === "number") return Promise.resolve(partition);
  const group = partition.shard.get(groupId);
  if (group === undefined) return Promise.resolve(ErrorCode.GROUP_ID_NOT_FOUND);
  const refused = offsetDeleteError(group);
  if (refused !== ErrorCode.NONE) return Promise.resolve(refused);
  const { facts, errorCodes } = decideOffsetDelete(group, offsets, partition.shard.pending);
  const failed = partition.write(group, facts, coordinator.now().wallMs);
  if (failed !== ErrorCode.NONE) return Promise.resolve(appendError(failed));
  coordinator.metrics.offsetDeletions += facts.length;
  return kept<readonly number[] | number>(partition, errorCodes, ErrorCode.NOT_COORDINATOR);
}

/** A commit shows that its member lives, as a beat does. */
function keepSession({ members }: Group, memberId: string, nowMs: number): void {
  if (members.type !== "classic") return; // in the consumer protocol only heartbeats count
  const member = members.members.get(memberId);
  if (member === undefined) return;
  apply(members, { kind: "beat", memberId, expiresAtMs: nowMs + member.sessionTimeoutMs });
}

function committedPartitions(group: Group | undefined) {
  const all: { topic: string; topicId: Uuid; partition: number }[] = [];
  for (const [topic, partitions] of group?.offsets.topics() ?? []) {
    for (const partition of partitions.keys()) all.push({ topic, topicId: ZERO_UUID, partition });
  }
  return all;
}

/** What a client hears when the log did not take its commit. */
export function commitAppendError(errorCode: number): number {
  return errorCode === ErrorCode.MESSAGE_TOO_LARGE
    ? ErrorCode.INVALID_COMMIT_OFFSET_SIZE
    : appendError(errorCode);
}

/**
 * The answer once what it rests on is kept; `lost` where the log could not take it after all: clients look for the
 * coordinator again then, as Kafka's do when its partition has no space (CoordinatorOperationExceptionHelper).
 */
export function kept<T>(partition: GroupPartition, answer: T, lost: T): Promise<T> {
  return new Promise((resolve) => partition.whenKept(() => resolve(answer), () => resolve(lost)));
}
