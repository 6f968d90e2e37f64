/**
 * GroupLeader: what a member of a classic group does when the coordinator makes it the leader: it divides the partitions
 * of all that members subscribe to, and looks now and then whether there are others.
 */
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Cluster } from "../cluster.ts";
import { KafkaError } from "../errors.ts";
import type { Assignments, Assignor, MemberSubscription } from "./assignors/assignor.ts";
import type { Joined } from "./classic_requests.ts";
import { decodeSubscription } from "./member_metadata.ts";

export class GroupLeader {
  readonly #cluster: Cluster;
  readonly #assignors: readonly Assignor[];
  /** Partitions of each topic when it was divided last; 0 of one that there is not. */
  #counts = new Map<string, number>();

  constructor(cluster: Cluster, assignors: readonly Assignor[]) {
    this.#cluster = cluster;
    this.#assignors = assignors;
  }

  get isMissingTopics(): boolean {
    return [...this.#counts.values()].includes(0);
  }

  /**
   * What each member is to have; nothing to hand in where this one does not lead, or a static leader is back and all is
   * as it was (KIP-814). `ownTopics` are watched by every member.
   */
  async divide(joined: Joined, ownTopics: readonly string[]): Promise<Assignments> {
    const { leader, memberId, protocolName, skipAssignment } = joined;
    if (leader !== memberId) {
      this.#counts = new Map();
      return new Map();
    }
    const members = joined.members.map((one) =>
      subscriptionOf(one.memberId, one.groupInstanceId, one.metadata)
    );
    const topics = new Set([...ownTopics, ...members.flatMap((member) => member.topics)]);
    this.#counts = await this.#count([...topics]);
    if (skipAssignment) return new Map();
    const assignor = this.#assignors.find(({ name }) => name === protocolName);
    if (assignor === undefined) {
      const about = `protocol "${protocolName}" of the group`;
      throw new KafkaError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, about);
    }
    return assignor.assign(new Map([...this.#counts].filter(([, count]) => count > 0)), members);
  }

  /** Whether topics came, went or grew since it divided; false where it does not lead. */
  async seesChange(): Promise<boolean> {
    const before = this.#counts, now = await this.#count([...before.keys()]);
    return [...before].some(([topic, count]) => now.get(topic) !== count);
  }

  async #count(topics: readonly string[]): Promise<Map<string, number>> {
    const counts = await Promise.all(topics.map(async (name): Promise<[string, number]> => {
      this.#cluster.forget(name);
      try {
        return [name, (await this.#cluster.topic(name)).partitions.length];
      } catch (error) {
        if (error instanceof KafkaError && IS_ABSENT.has(error.code)) return [name, 0];
        throw error;
      }
    }));
    return new Map(counts);
  }
}

/** Members write what they like there: who cannot be read gets nothing. */
function subscriptionOf(
  memberId: string,
  instanceId: string | null,
  metadata: Uint8Array,
): MemberSubscription {
  try {
    return decodeSubscription(memberId, instanceId, metadata);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const none = { topics: [], userData: null, owned: [], generation: -1, rackId: null };
    return { memberId, instanceId, ...none };
  }
}

const IS_ABSENT: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.INVALID_TOPIC_EXCEPTION,
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
]);
