/**
 * Player: plays the scenarios of the consumer protocol to a broker, over the wire, and keeps its answers.
 */
import type { Uuid } from "../../src/bytes/uuid.ts";
import type { Admin } from "../../src/client/admin.ts";
import type { Connection } from "../../src/client/connection.ts";
import { ConsumerGroupDescribe } from "../../src/protocol/messages/consumer_group_describe.ts";
import { ConsumerGroupHeartbeat } from "../../src/protocol/messages/consumer_group_heartbeat.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import type { Beat, Step, Transcript } from "./consumer_scenarios.ts";

export class Player {
  readonly #epochs = new Map<string, number>();
  readonly #ids = new Map<string, Uuid>();
  readonly #names = new Map<Uuid, string>();
  readonly transcript: Transcript = [];

  constructor(
    readonly connection: Connection,
    readonly admin: Admin,
    readonly group: string,
  ) {}

  /** Waits until the group has a coordinator, then plays. */
  async playAll(steps: readonly Step[]): Promise<Transcript> {
    for (let error = -1; error !== 0;) {
      const found = await this.connection.request(FindCoordinator, 4, {
        keyType: 0,
        coordinatorKeys: [this.group],
      });
      error = found.coordinators[0].errorCode;
    }
    for (const step of steps) await this.play(step);
    return this.transcript;
  }

  async play(step: Step): Promise<void> {
    switch (step.do) {
      case "wait":
        return void await new Promise((resolve) => setTimeout(resolve, step.ms));
      case "create":
        await this.admin.createTopics([{
          name: this.#long(step.topic),
          partitions: step.partitions,
        }]);
        await new Promise((resolve) => setTimeout(resolve, 500));
        return await this.#learn(step.topic);
      case "grow":
        return await this.admin.createPartitions(this.#long(step.topic), step.partitions);
      case "delete":
        return await this.admin.deleteTopics([this.#long(step.topic)]);
      case "describe":
        return await this.#describe();
      case "beat":
        return await this.#beat(step);
    }
  }

  async #beat(step: Beat): Promise<void> {
    const epoch = step.epoch === "now" ? this.#epochs.get(step.member) ?? -9 : step.epoch;
    const answer = await this.connection.request(ConsumerGroupHeartbeat, step.version ?? 1, {
      groupId: this.group,
      memberId: step.member,
      memberEpoch: epoch,
      instanceId: step.instance ?? null,
      rackId: step.rack ?? null,
      rebalanceTimeoutMs: step.timeoutMs ?? -1,
      subscribedTopicNames: step.names?.map((name) => this.#long(name)) ?? null,
      subscribedTopicRegex: step.regex ?? null,
      serverAssignor: step.assignor ?? null,
      topicPartitions: step.owned === undefined
        ? null
        : Object.entries(step.owned).map(([topic, partitions]) => ({
          topicId: this.#ids.get(topic)!,
          partitions: [...partitions],
        })),
    });
    if (answer.errorCode === 0) this.#epochs.set(step.member, answer.memberEpoch);
    this.transcript.push({
      error: answer.errorCode,
      message: answer.errorMessage?.replaceAll(this.group, "GROUP") ?? null,
      epoch: answer.memberEpoch,
      intervalMs: answer.heartbeatIntervalMs,
      assignment: answer.assignment && this.#short(answer.assignment.topicPartitions),
    });
  }

  async #describe(): Promise<void> {
    const { groups: [group] } = await this.connection.request(ConsumerGroupDescribe, 1, {
      groupIds: [this.group],
      includeAuthorizedOperations: false,
    });
    this.transcript.push({
      state: group.groupState,
      epoch: group.groupEpoch,
      assignmentEpoch: group.assignmentEpoch,
      assignor: group.assignorName,
      members: Object.fromEntries(
        group.members.toSorted((a, b) => a.memberId < b.memberId ? -1 : 1).map((member) => [
          member.memberId,
          {
            instance: member.instanceId,
            epoch: member.memberEpoch,
            names: member.subscribedTopicNames.map((name) => name.slice(this.group.length + 1))
              .sort(),
            regex: member.subscribedTopicRegex,
            assignment: this.#short(member.assignment.topicPartitions),
            target: this.#short(member.targetAssignment.topicPartitions),
            type: member.memberType,
          },
        ]),
      ),
    });
  }

  async #learn(topic: string): Promise<void> {
    const { id } = await this.admin.describeTopic(this.#long(topic));
    this.#ids.set(topic, id);
    this.#names.set(id, topic);
  }

  #long(topic: string): string {
    return `${this.group}-${topic}`;
  }

  #short(partitions: { topicId: Uuid; partitions: number[] }[]): Record<string, number[]> {
    const short = partitions.map(({ topicId, partitions }) =>
      [this.#names.get(topicId)!, partitions.toSorted((a, b) => a - b)] as const
    );
    return Object.fromEntries(short.toSorted(([a], [b]) => a < b ? -1 : 1));
  }
}
