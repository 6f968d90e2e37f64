/**
 * Proves that the machine of the consumer protocol answers as Kafka does: tests/transcripts has scenarios with the
 * answers of Apache Kafka 4.3.1; each is played to the machine here, step by step, and compared word by word.
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "../../protocol/errors.ts";
import {
  type Answer,
  type Beat,
  type Description,
  SCENARIOS,
  type Step,
  type Transcript,
} from "../../../tests/transcripts/consumer_scenarios.ts";
import { describeConsumerGroup } from "./consumer_describe.ts";
import type { HeartbeatReply } from "./consumer_decision.ts";
import { ConsumerTable } from "../../testing/consumer_groups.ts";
import { heartbeatEvent, type HeartbeatRequest } from "./consumer_request.ts";

const answers: Record<string, Transcript> = JSON.parse(
  await Deno.readTextFile(
    new URL("../../../tests/transcripts/consumer_answers.json", import.meta.url),
  ),
);

for (const [name, steps] of Object.entries(SCENARIOS)) {
  Deno.test(`as Kafka: ${name}`, () => {
    const player = new Player();
    const expected = [...answers[name]];
    steps.forEach((step, i) => {
      const answer = player.play(step);
      if (answer === null) return;
      assertEquals(answer, expected.shift(), `step ${i}: ${JSON.stringify(step)}`);
    });
    assert(expected.length === 0);
  });
}

class Player {
  readonly #table = new ConsumerTable();
  readonly #epochs = new Map<string, number>();

  constructor() {
    this.#table.settings = { ...this.#table.settings, assignmentIntervalMs: 1000 };
  }

  play(step: Step): Answer | Description | null {
    const { topics } = this.#table;
    switch (step.do) {
      case "wait":
        this.#table.pass(step.ms);
        return null;
      case "create":
      case "grow":
        topics.set(step.topic, step.partitions);
        return null;
      case "delete":
        topics.delete(step.topic);
        return null;
      case "describe":
        return this.#describe();
      case "beat":
        return this.#beat(step);
    }
  }

  #beat(step: Beat): Answer {
    const epoch = step.epoch === "now" ? this.#epochs.get(step.member) ?? -9 : step.epoch;
    const { settings: { assignors } } = this.#table;
    const request: HeartbeatRequest = {
      groupId: "GROUP",
      memberId: step.member,
      memberEpoch: epoch,
      instanceId: step.instance ?? null,
      rackId: step.rack ?? null,
      rebalanceTimeoutMs: step.timeoutMs ?? -1,
      subscribedTopicNames: step.names ? [...step.names] : null,
      subscribedTopicRegex: step.regex ?? null,
      serverAssignor: step.assignor ?? null,
      topicPartitions: step.owned === undefined
        ? null
        : Object.entries(step.owned).map(([topic, partitions]) => ({
          topicId: this.#table.topics.idOf(topic),
          partitions: [...partitions],
        })),
    };
    const caller = { apiVersion: step.version ?? 1, clientId: "c", clientHost: "/127.0.0.1" };
    const event = heartbeatEvent(request, caller, { assignors, newId: () => "new" });
    const reply: HeartbeatReply = "errorCode" in event ? event : this.#table.send(event)!;
    const { errorCode = ErrorCode.NONE, memberEpoch = 0, assignment = null } = reply;
    if (errorCode === ErrorCode.NONE) this.#epochs.set(step.member, memberEpoch);
    return {
      error: errorCode,
      message: reply.errorMessage ?? null,
      epoch: memberEpoch,
      intervalMs: reply.heartbeatIntervalMs ?? 0,
      assignment: assignment && this.#table.named(assignment.topicPartitions),
    };
  }

  #describe(): Description {
    const { group, topics, settings } = this.#table;
    const described = describeConsumerGroup(group, {
      topics,
      defaultAssignor: settings.assignors[0],
    });
    const members = (described.members ?? []).toSorted((a, b) =>
      a.memberId! < b.memberId! ? -1 : 1
    );
    return {
      state: described.groupState!,
      epoch: described.groupEpoch!,
      assignmentEpoch: described.assignmentEpoch!,
      assignor: described.assignorName!,
      members: Object.fromEntries(members.map((member) => [member.memberId!, {
        instance: member.instanceId ?? null,
        epoch: member.memberEpoch!,
        names: [...member.subscribedTopicNames!],
        regex: member.subscribedTopicRegex ?? null,
        assignment: this.#table.named(member.assignment!.topicPartitions ?? []),
        target: this.#table.named(member.targetAssignment!.topicPartitions ?? []),
        type: member.memberType ?? -1,
      }])),
    };
  }
}
