/**
 * Proves that the consumer protocol is there only while the cluster's group.version is 1, as in Kafka, and the classic
 * one always.
 */
import { assertEquals } from "@std/assert";
import type { Connection } from "../../src/client/connection.ts";
import { ConsumerGroupDescribe } from "../../src/protocol/messages/consumer_group_describe.ts";
import { ConsumerGroupHeartbeat } from "../../src/protocol/messages/consumer_group_heartbeat.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { JoinGroup } from "../../src/protocol/messages/join_group.ts";
import { UpdateFeatures } from "../../src/protocol/messages/update_features.ts";
import { TestBroker } from "./harness.ts";

const NONE = 0, UNSUPPORTED_VERSION = 35, MEMBER_ID_REQUIRED = 79;
const UPGRADE = 1, SAFE_DOWNGRADE = 2;

Deno.test("at group.version 0 the consumer protocol is 35, and the classic one served", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
  assertEquals(await beat(connection), { errorCode: NONE, errorMessage: null });

  await setLevel(connection, 0, SAFE_DOWNGRADE);
  const refused = { errorCode: UNSUPPORTED_VERSION, errorMessage: null };
  assertEquals(await beat(connection), refused);
  assertEquals(await describe(connection, ["g", "other"]), [
    { groupId: "g", ...refused },
    { groupId: "other", ...refused },
  ]);
  assertEquals(await joinClassic(connection), MEMBER_ID_REQUIRED);

  await setLevel(connection, 1, UPGRADE);
  assertEquals(await beat(connection), { errorCode: NONE, errorMessage: null });
  const [{ errorCode }] = await describe(connection, ["g"]);
  assertEquals(errorCode, NONE);
});

async function setLevel(connection: Connection, maxVersionLevel: number, upgradeType: number) {
  const answer = await connection.request(UpdateFeatures, 1, {
    timeoutMs: 1000,
    featureUpdates: [{ feature: "group.version", maxVersionLevel, upgradeType }],
  });
  assertEquals([answer.errorCode, answer.errorMessage ?? ""], [NONE, ""]);
}

async function beat(connection: Connection) {
  const { errorCode, errorMessage } = await connection.request(ConsumerGroupHeartbeat, 1, {
    groupId: "g",
    memberId: "m",
    memberEpoch: 0,
    rebalanceTimeoutMs: 60_000,
    subscribedTopicNames: ["t"],
    topicPartitions: [],
  });
  return { errorCode, errorMessage };
}

async function describe(connection: Connection, groupIds: string[]) {
  const { groups } = await connection.request(ConsumerGroupDescribe, 1, { groupIds });
  return groups.map(({ groupId, errorCode, errorMessage }) => ({
    groupId,
    errorCode,
    errorMessage,
  }));
}

async function joinClassic(connection: Connection): Promise<number> {
  const { errorCode } = await connection.request(JoinGroup, 9, {
    groupId: "classic",
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId: "",
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: new Uint8Array() }],
  });
  return errorCode;
}
