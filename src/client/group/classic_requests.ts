/** ClassicRequests: what a member asks of the coordinator of a classic group, each once; failures are the caller's. */
import { ErrorCode } from "../../protocol/errors.ts";
import { Heartbeat } from "../../protocol/messages/heartbeat.ts";
import { JoinGroup } from "../../protocol/messages/join_group.ts";
import { LeaveGroup } from "../../protocol/messages/leave_group.ts";
import { SyncGroup } from "../../protocol/messages/sync_group.ts";
import type { Decoded } from "../../protocol/schema.ts";
import type { CallOptions } from "../call.ts";
import type { Cluster } from "../cluster.ts";
import type { Connection } from "../connection.ts";
import { Coordinator } from "../coordinators.ts";
import { check } from "../errors.ts";
import type { TopicPartition } from "../list_offsets.ts";
import type { Assignments } from "./assignors/assignor.ts";
import { decodeAssignment, encodeAssignment } from "./member_metadata.ts";
import { hasLostCoordinator, type MemberIdentity } from "./membership.ts";

export type Joined = Decoded<typeof JoinGroup.response>;

export interface ClassicRequestOptions {
  readonly cluster: Cluster;
  readonly groupId: string;
  readonly groupInstanceId: string | null;
  readonly sessionTimeoutMs: number;
  /** How long the others wait for this member: as long as its caller may stay away. */
  readonly maxPollIntervalMs: number;
  readonly lane: string;
}

export class ClassicRequests {
  readonly #options: ClassicRequestOptions;
  readonly #coordinator: Coordinator;

  constructor(options: ClassicRequestOptions) {
    this.#options = options;
    this.#coordinator = new Coordinator(options.cluster, "group", options.groupId, options.lane);
  }

  /** Fails what is on its way. */
  interrupt(): void {
    this.#options.cluster.closeLane(this.#options.lane);
  }

  /**
   * Joins, and waits for the others. `onMemberId` hears of the id that a new member is given first (KIP-394). Throws
   * KafkaError and ConnectionError, as all of these do.
   */
  async join(
    memberId: string,
    protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[],
    onMemberId: (memberId: string) => void,
  ): Promise<Joined> {
    const { groupId, groupInstanceId, sessionTimeoutMs, maxPollIntervalMs } = this.#options;
    return await this.#asked(async (connection) => {
      const version = connection.versionFor(JoinGroup);
      for (let id = memberId, isGiven = false;; isGiven = true) {
        const answer = await connection.request(JoinGroup, version, {
          groupId,
          sessionTimeoutMs,
          rebalanceTimeoutMs: maxPollIntervalMs,
          memberId: id,
          groupInstanceId,
          protocolType: PROTOCOL_TYPE,
          protocols,
          reason: null,
        }, { timeoutMs: maxPollIntervalMs + BEYOND_REBALANCE_MS });
        if (answer.errorCode !== ErrorCode.MEMBER_ID_REQUIRED || isGiven) {
          check(answer.errorCode, `member of group ${groupId}`);
          return answer;
        }
        onMemberId(id = answer.memberId);
      }
    });
  }

  /** What this member is given; the leader hands in what everybody is. */
  async sync(joined: Joined, assignments: Assignments): Promise<TopicPartition[]> {
    const { groupId, groupInstanceId, maxPollIntervalMs } = this.#options;
    return await this.#asked(async (connection) => {
      const answer = await connection.request(SyncGroup, connection.versionFor(SyncGroup), {
        groupId,
        generationId: joined.generationId,
        memberId: joined.memberId,
        groupInstanceId,
        protocolType: PROTOCOL_TYPE,
        protocolName: joined.protocolName,
        assignments: [...assignments].map(([memberId, partitions]) => ({
          memberId,
          assignment: encodeAssignment(partitions),
        })),
      }, { timeoutMs: maxPollIntervalMs + BEYOND_REBALANCE_MS });
      check(answer.errorCode, `assignment in group ${groupId}`);
      return decodeAssignment(answer.assignment);
    });
  }

  async heartbeat({ generationId, memberId, groupInstanceId }: MemberIdentity): Promise<void> {
    const { groupId } = this.#options;
    await this.#asked(async (connection) => {
      const version = connection.versionFor(Heartbeat);
      const body = { groupId, generationId, memberId, groupInstanceId };
      const { errorCode } = await connection.request(Heartbeat, version, body);
      check(errorCode, `heartbeat in group ${groupId}`);
    });
  }

  /** Leaves; never rejects, see Membership.leave(). */
  async leave(memberId: string, { timeoutMs, signal }: CallOptions): Promise<void> {
    const { cluster, groupId } = this.#options;
    const asked = cluster.retry(() =>
      this.#asked(async (connection) => {
        const version = connection.versionFor(LeaveGroup), members = [{ memberId }];
        const body = version >= 3 ? { groupId, members } : { groupId, memberId };
        const { errorCode } = await connection.request(LeaveGroup, version, body);
        check(errorCode, `leaving group ${groupId}`);
      }), { timeoutMs, signal });
    await asked.catch(() => {});
  }

  async #asked<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      return await ask(await this.#coordinator.connection());
    } catch (error) {
      if (hasLostCoordinator(error)) this.#coordinator.forget();
      throw error;
    }
  }
}

const PROTOCOL_TYPE = "consumer";
/** What a request may take beyond the time that the coordinator keeps it waiting; as Kafka's client has it. */
const BEYOND_REBALANCE_MS = 5000;
