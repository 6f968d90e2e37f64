/**
 * Proves that a whole broker answers members of the consumer protocol (KIP-848) over the wire as Kafka does, and that
 * they go on after it has been restarted.
 */
import { assertEquals } from "@std/assert";
import { Admin } from "../../src/client/admin.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { IncrementalAlterConfigs } from "../../src/protocol/messages/incremental_alter_configs.ts";
import { ConsumerGroupHeartbeat } from "../../src/protocol/messages/consumer_group_heartbeat.ts";
import { SCENARIOS, type Transcript } from "../transcripts/consumer_scenarios.ts";
import { Player } from "../transcripts/player.ts";
import { TestBroker } from "./harness.ts";

const answers: Record<string, Transcript> = JSON.parse(
  await Deno.readTextFile(new URL("../transcripts/consumer_answers.json", import.meta.url)),
);

for (
  const name of [
    "a member that joins within the assignment interval waits for it",
    "requests that make no sense are refused in words",
  ]
) {
  Deno.test(`over the wire: ${name}`, async () => {
    await using broker = await TestBroker.start();
    const connection = await broker.connect();
    const admin = new Admin({ bootstrap: `127.0.0.1:${broker.port}` });
    assertEquals(
      await new Player(connection, admin, "a-group").playAll(SCENARIOS[name]),
      answers[name],
    );
    await admin.close();
  });
}

Deno.test("a member of a consumer group goes on by heartbeat when the broker has been restarted", async () => {
  const path = await Deno.makeTempDir();
  const member = { groupId: "g", memberId: "a" };
  let memberEpoch: number;
  {
    await using broker = await TestBroker.start({ path });
    const connection = await broker.connect();
    const admin = new Admin({ bootstrap: `127.0.0.1:${broker.port}` });
    const player = new Player(connection, admin, "g");
    const [joined] = await player.playAll([
      { do: "create", topic: "t", partitions: 1 },
      { do: "beat", member: "a", epoch: 0, timeoutMs: 1000, names: ["t"], owned: {} },
    ]);
    memberEpoch = joined.epoch;
    await admin.close();
  }
  {
    await using broker = await TestBroker.start({ path });
    const connection = await broker.connect();
    for (;;) {
      const { errorCode, memberEpoch: epoch } = await connection.request(
        ConsumerGroupHeartbeat,
        1,
        {
          ...member,
          memberEpoch,
          instanceId: null,
          rackId: null,
          subscribedTopicNames: null,
          subscribedTopicRegex: null,
          serverAssignor: null,
          topicPartitions: null,
        },
      );
      if (errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) continue;
      assertEquals([errorCode, epoch], [ErrorCode.NONE, memberEpoch]);
      break;
    }
  }
  await Deno.remove(path, { recursive: true });
});

Deno.test("a consumer group is run by its own configs, over the broker's, at once", async () => {
  const groups = { consumerHeartbeatIntervalMs: 6000, consumerMaxSize: 2 };
  await using broker = await TestBroker.start({ groups });
  await broker.createTopic("t");
  const connection = await broker.connect();
  const alter = async (type: number, resourceName: string, name: string, value: string) => {
    const configs = [{ name, configOperation: 0, value }];
    const resources = [{ resourceType: type, resourceName, configs }];
    const { responses } = await connection.request(IncrementalAlterConfigs, 1, { resources });
    assertEquals([responses[0].errorCode, responses[0].errorMessage], [0, null]);
  };
  const join = async (memberId: string) => {
    for (;;) {
      const answer = await connection.request(ConsumerGroupHeartbeat, 1, {
        groupId: "g",
        memberId,
        memberEpoch: 0,
        rebalanceTimeoutMs: 60_000,
        subscribedTopicNames: ["t"],
        topicPartitions: [],
      });
      const { errorCode } = answer;
      const isEarly = errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE ||
        errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
      if (!isEarly) return answer;
      await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
    }
  };
  assertEquals((await join("a")).heartbeatIntervalMs, 6000);
  await alter(32, "g", "consumer.heartbeat.interval.ms", "7000");
  assertEquals((await join("b")).heartbeatIntervalMs, 7000);
  assertEquals((await join("c")).errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED);
});
