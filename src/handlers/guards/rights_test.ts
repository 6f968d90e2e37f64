/**
 * What the APIs ask is what Kafka documents ("Operations and resources on protocols", and its KafkaApis and ControllerApis
 * where that table is behind), and no API is served without.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { FindCoordinator } from "../../protocol/messages/find_coordinator.ts";
import { InitProducerId } from "../../protocol/messages/init_producer_id.ts";
import { Access } from "../../security/acl/access.ts";
import {
  type Acl,
  Operation,
  PatternType,
  Permission,
  ResourceType,
} from "../../security/acl/acl.ts";
import { Authorizer } from "../../security/acl/authorizer.ts";
import { Catalogue } from "../../topics/catalogue.ts";
import { topicConfigDefaults } from "../../config/topic_configs.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { type Handler, handler, type RequestContext } from "../handler.ts";
import { withGuards } from "../guard.ts";
import { allGuards } from "./mod.ts";

const DOCUMENTED = `
Produce: TRANSACTIONAL_ID WRITE, TOPIC WRITE
Fetch: CLUSTER CLUSTER_ACTION, TOPIC READ
ListOffsets: TOPIC DESCRIBE
Metadata: TOPIC DESCRIBE, CLUSTER CREATE, TOPIC CREATE, CLUSTER DESCRIBE
OffsetCommit: GROUP READ, TOPIC READ
OffsetFetch: GROUP DESCRIBE, TOPIC DESCRIBE
FindCoordinator: GROUP DESCRIBE, TRANSACTIONAL_ID DESCRIBE, CLUSTER CLUSTER_ACTION
JoinGroup: GROUP READ
Heartbeat: GROUP READ
LeaveGroup: GROUP READ
SyncGroup: GROUP READ
DescribeGroups: GROUP DESCRIBE
ListGroups: CLUSTER DESCRIBE, GROUP DESCRIBE
ApiVersions:
CreateTopics: CLUSTER CREATE, TOPIC CREATE, TOPIC DESCRIBE_CONFIGS
DeleteTopics: CLUSTER DELETE, TOPIC DELETE, TOPIC DESCRIBE
DeleteRecords: TOPIC DELETE
InitProducerId: TRANSACTIONAL_ID WRITE, TRANSACTIONAL_ID TWO_PHASE_COMMIT, CLUSTER IDEMPOTENT_WRITE, TOPIC WRITE
OffsetForLeaderEpoch: CLUSTER CLUSTER_ACTION, TOPIC DESCRIBE
AddPartitionsToTxn: TRANSACTIONAL_ID WRITE, TOPIC WRITE, CLUSTER CLUSTER_ACTION
AddOffsetsToTxn: TRANSACTIONAL_ID WRITE, GROUP READ
EndTxn: TRANSACTIONAL_ID WRITE
WriteTxnMarkers: CLUSTER ALTER, CLUSTER CLUSTER_ACTION
TxnOffsetCommit: TRANSACTIONAL_ID WRITE, GROUP READ, TOPIC READ
DescribeAcls: CLUSTER DESCRIBE
CreateAcls: CLUSTER ALTER
DeleteAcls: CLUSTER ALTER
DescribeConfigs: CLUSTER DESCRIBE_CONFIGS, TOPIC DESCRIBE_CONFIGS, GROUP DESCRIBE_CONFIGS
AlterConfigs: CLUSTER ALTER_CONFIGS, TOPIC ALTER_CONFIGS, GROUP ALTER_CONFIGS
AlterReplicaLogDirs: CLUSTER ALTER
DescribeLogDirs: CLUSTER DESCRIBE
CreatePartitions: TOPIC ALTER
CreateDelegationToken: USER CREATE_TOKENS
RenewDelegationToken:
ExpireDelegationToken:
DescribeDelegationToken: DELEGATION_TOKEN DESCRIBE, USER DESCRIBE_TOKENS
DeleteGroups: GROUP DELETE
ElectLeaders: CLUSTER ALTER
IncrementalAlterConfigs: CLUSTER ALTER_CONFIGS, TOPIC ALTER_CONFIGS, GROUP ALTER_CONFIGS
AlterPartitionReassignments: CLUSTER ALTER
ListPartitionReassignments: CLUSTER DESCRIBE
OffsetDelete: GROUP DELETE, TOPIC READ
DescribeClientQuotas: CLUSTER DESCRIBE_CONFIGS
AlterClientQuotas: CLUSTER ALTER_CONFIGS
DescribeUserScramCredentials: CLUSTER DESCRIBE
AlterUserScramCredentials: CLUSTER ALTER
DescribeQuorum: CLUSTER DESCRIBE
UpdateFeatures: CLUSTER ALTER
DescribeCluster: CLUSTER DESCRIBE
DescribeProducers: TOPIC READ
UnregisterBroker: CLUSTER ALTER
DescribeTransactions: TRANSACTIONAL_ID DESCRIBE, TOPIC DESCRIBE
ListTransactions: TRANSACTIONAL_ID DESCRIBE
GetTelemetrySubscriptions:
PushTelemetry:
SaslHandshake:
SaslAuthenticate:
ConsumerGroupHeartbeat: GROUP READ, TOPIC DESCRIBE
ConsumerGroupDescribe: GROUP DESCRIBE, TOPIC DESCRIBE
ListConfigResources: CLUSTER DESCRIBE_CONFIGS
DescribeTopicPartitions: TOPIC DESCRIBE
`;

const catalogue = new Catalogue({ nodeId: 0, topicDefaults: topicConfigDefaults() });
const nameOf = (codes: Readonly<Record<string, number>>, code: number) =>
  Object.entries(codes).find(([, value]) => value === code)![0];

Deno.test("the APIs ask what Kafka documents that they ask", () => {
  const declared = Object.fromEntries(
    allGuards(catalogue).map(({ api, asks }) => [
      api.name,
      asks.map(({ operation, resourceType }) =>
        `${nameOf(ResourceType, resourceType)} ${nameOf(Operation, operation)}`
      ).sort(),
    ]),
  );
  const documented = Object.fromEntries(
    DOCUMENTED.trim().split("\n").map((line) => {
      const [name, asks] = line.split(/:\s?/);
      return [name, asks.split(", ").filter((ask) => ask !== "").sort()];
    }),
  );
  assertEquals(declared, documented);
});

Deno.test("an API that does not say what it asks is not served", () => {
  const bare: Handler = handler(Produce, { min: 3, max: 13 }, () => ({}));
  assertThrows(() => withGuards([bare], []), Error, "does not say what it asks");
});

/** The code that a guard answers somebody with who has these rights by ACLs; 0 where the handler would. */
async function refusedTo(
  api: { readonly name: string },
  apiVersion: number,
  request: object,
  acls: readonly Partial<Acl>[],
): Promise<number> {
  const authorizer = new Authorizer({ superUsers: [], allowEveryoneIfNoAclFound: false });
  for (const [i, acl] of acls.entries()) {
    authorizer.index.add(`${i}`, { ...OF_ALICE, ...acl });
  }
  const access = new Access(authorizer, { principal: "User:alice", peer: "127.0.0.1" });
  const { around } = allGuards(catalogue).find((guard) => guard.api.name === api.name)!;
  const context = { access, apiVersion } as unknown as RequestContext;
  const answer = await around!(request, context, () => ({ errorCode: 0 })) as {
    errorCode?: number;
    coordinators?: { errorCode: number }[];
  };
  return answer.coordinators?.[0].errorCode ?? answer.errorCode!;
}

const OF_ALICE: Acl = {
  resourceType: ResourceType.TRANSACTIONAL_ID,
  resourceName: "x",
  patternType: PatternType.LITERAL,
  principal: "User:alice",
  host: "*",
  operation: Operation.WRITE,
  permissionType: Permission.ALLOW,
};

Deno.test("a transaction of two phases needs a right of its own, besides writing by the id", async () => {
  const ask = (acls: readonly Partial<Acl>[]) =>
    refusedTo(InitProducerId, 6, { transactionalId: "x", enable2Pc: true }, acls);
  const twoPhases = { operation: Operation.TWO_PHASE_COMMIT };
  assertEquals(await Promise.all([[], [{}], [twoPhases], [{}, twoPhases]].map(ask)), [
    53,
    53,
    53,
    0,
  ]);
});

Deno.test("the coordinator of a share group's partition is told to brokers only", async () => {
  const request = { keyType: 2, coordinatorKeys: ["g:AAAAAAAAAAAAAAAAAAAAEQ:0"] };
  const ask = (acls: readonly Partial<Acl>[]) => refusedTo(FindCoordinator, 6, request, acls);
  const cluster = { resourceType: ResourceType.CLUSTER, resourceName: "kafka-cluster" };
  const byBroker = { ...cluster, operation: Operation.CLUSTER_ACTION };
  const other = { ...cluster, operation: Operation.DESCRIBE };
  assertEquals(await Promise.all([[], [other], [byBroker]].map(ask)), [31, 31, 0]);
});
