/**
 * Proves what the group handlers add to the rooms below: versions, names and ids of topics, and the shapes of answers.
 * Each expectation was read off a Kafka 4.4.0. The log is the simulations', with a disk that keeps all at once.
 */
import { OPEN_ACCESS } from "../security/acl/access.ts";
import { someAnswers } from "../testing/answers.ts";
import { consumerContext } from "../testing/consumer_groups.ts";
import { assertEquals } from "@std/assert";
import { SimulatedLog } from "../../tests/simulation/simulated_log.ts";
import { Turn } from "../background/turn.ts";
import type { Uuid } from "../bytes/uuid.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { GroupCoordinator } from "../groups/coordinator.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import type { NodeRegistry } from "../topics/node_registry.ts";
import { deleteGroups } from "./delete_groups.ts";
import { describeGroups } from "./describe_groups.ts";
import { findCoordinator } from "./find_coordinator.ts";
import type { Handler, RequestContext } from "./handler.ts";
import { joinGroup } from "./join_group.ts";
import { leaveGroup } from "./leave_group.ts";
import { LongAnswers } from "./long_answers.ts";
import { offsetCommit } from "./offset_commit.ts";
import { offsetDelete } from "./offset_delete.ts";
import { offsetFetch } from "./offset_fetch.ts";
import { syncGroup } from "./sync_group.ts";

const described = (groups: GroupCoordinator) =>
  describeGroups(groups, new LongAnswers({ turn: new Turn(), maxBytes: 1 << 20 }));
const OLD_ID = "b2xkLXRvcGljLWlkLS0tLQ" as Uuid, NEW_ID = "bmV3LXRvcGljLWlkLS0tLQ" as Uuid;
const STRANGE_ID = "c3RyYW5nZS10b3BpYy1pZA" as Uuid, ZERO_ID = "AAAAAAAAAAAAAAAAAAAAAA" as Uuid;

Deno.test("OffsetCommit refuses topics and partitions that do not exist, each by itself", async () => {
  const { call } = await desk();
  const partitions = [offset(0), offset(9), offset(-1)];
  const byName = { topics: [{ name: "t", partitions }, { name: "no", partitions: [offset(0)] }] };
  assertEquals(codes(await call(offsetCommit, 8, { ...NOBODY, ...byName })), [[0, 3, 3], [3]]);
  const ids = [OLD_ID, STRANGE_ID, ZERO_ID].map((topicId) => ({
    topicId,
    partitions: [offset(0)],
  }));
  assertEquals(codes(await call(offsetCommit, 10, { ...NOBODY, topics: ids })), [[0], [100], [
    100,
  ]]);
});

Deno.test("OffsetCommit with a generation to a group that does not exist is 22, from v9 on 69", async () => {
  const { call } = await desk();
  const request = {
    ...NOBODY,
    generationIdOrMemberEpoch: 3,
    topics: [{ name: "t", partitions: [offset(0)] }],
  };
  assertEquals(codes(await call(offsetCommit, 8, request)), [[22]]);
  assertEquals(codes(await call(offsetCommit, 9, request)), [[69]]);
});

Deno.test("OffsetFetch gives back what was committed, by name and by id, and -1 for the rest", async () => {
  const { call, commit } = await desk();
  await commit(-(2n ** 63n));
  const one = {
    groupId: "g",
    topics: [{ name: "t", partitionIndexes: [0, 1] }],
    requireStable: true,
  };
  const seven = await call(offsetFetch, 7, one);
  assertEquals(offsets(seven.topics), [[-(2n ** 63n), -1n]]);
  const topics = [{ topicId: OLD_ID, partitionIndexes: [0] }, {
    topicId: STRANGE_ID,
    partitionIndexes: [0],
  }];
  const groups = [{ groupId: "g", topics }, { groupId: "g", topics: null }, {
    groupId: "no",
    topics: null,
  }];
  const ten = await call(offsetFetch, 10, { groups, requireStable: false });
  assertEquals(ten.groups.map((group: Any) => offsets(group.topics)), [[[-(2n ** 63n)], [-1n]], [[
    -(2n ** 63n),
  ]], []]);
  assertEquals(codes(ten.groups[0]), [[0], [100]]);
  assertEquals(ten.groups[1].topics[0].topicId, OLD_ID);
});

Deno.test("an offset of a topic that was made anew is not shown", async () => {
  const { call, commit, topic } = await desk();
  await commit(5n);
  topic.id = NEW_ID;
  const named = await call(offsetFetch, 7, {
    groupId: "g",
    topics: [{ name: "t", partitionIndexes: [0] }],
  });
  assertEquals(offsets(named.topics), [[-1n]]);
  assertEquals((await call(offsetFetch, 7, { groupId: "g", topics: null })).topics, []);
});

Deno.test("a group that cannot be asked is an error of the group, in OffsetFetch v1 of each partition", async () => {
  const { call, groups } = await desk();
  groups.unload(0);
  const topics = [{ name: "t", partitionIndexes: [0] }];
  assertEquals((await call(offsetFetch, 2, { groupId: "g", topics })).errorCode, 16);
  assertEquals(codes(await call(offsetFetch, 1, { groupId: "g", topics })), [[16]]);
});

Deno.test("OffsetDelete answers each partition, or the request", async () => {
  const { call, commit } = await desk();
  await commit(5n);
  const topics = [{ name: "t", partitions: [0, 9].map((partitionIndex) => ({ partitionIndex })) }];
  assertEquals(codes(await call(offsetDelete, 0, { groupId: "g", topics })), [[0, 3]]);
  assertEquals((await call(offsetDelete, 0, { groupId: "no", topics })).errorCode, 69);
  assertEquals((await call(offsetDelete, 0, { groupId: "", topics })).errorCode, 24);
});

Deno.test("a refused JoinGroup names no protocol: null from v7 on, empty before", async () => {
  const { call } = await desk();
  const request = { groupId: "no", memberId: "m", sessionTimeoutMs: 10_000, protocols: [] };
  assertEquals((await call(joinGroup, 7, request)).protocolName, null);
  assertEquals((await call(joinGroup, 6, request)).protocolName, "");
});

Deno.test("SyncGroup must say the protocol from v5 on", async () => {
  const { call } = await desk();
  const request = { groupId: "no", memberId: "m", protocolType: null, protocolName: null };
  assertEquals((await call(syncGroup, 5, request)).errorCode, 23);
  assertEquals((await call(syncGroup, 4, request)).errorCode, 25);
});

Deno.test("LeaveGroup answers at the top before v3, and each member from then on", async () => {
  const { call } = await desk();
  assertEquals((await call(leaveGroup, 2, { groupId: "no", memberId: "m" })).errorCode, 25);
  const members = [{ memberId: "m", groupInstanceId: null }];
  const three = await call(leaveGroup, 3, { groupId: "no", members });
  assertEquals([three.errorCode ?? 0, three.members[0].errorCode], [0, 25]);
});

Deno.test("DescribeGroups calls an unknown group Dead, from v6 on with 69", async () => {
  const { call } = await desk();
  const [five] = (await call(described, 5, { groups: ["no"] })).groups;
  assertEquals([five.groupState, five.errorCode], ["Dead", 0]);
  const [six] = (await call(described, 6, { groups: ["no"] })).groups;
  assertEquals([six.errorCode, six.errorMessage], [69, "Group no not found."]);
});

Deno.test("DeleteGroups answers a name that comes twice once", async () => {
  const { call } = await desk();
  const { results } = await call((all) => deleteGroups(all, someAnswers()), 2, {
    groupsNames: ["no", "no"],
  });
  assertEquals(results.map(({ errorCode }: Any) => errorCode), [69]);
});

Deno.test("FindCoordinator finds groups, has no other coordinators, and refuses strange kinds of keys", async () => {
  const { find } = await desk();
  const many = async (keyType: number, key: string) =>
    (await find(4, { keyType, coordinatorKeys: [key] })).coordinators[0];
  assertEquals([(await many(0, "g")).nodeId, (await many(0, "")).port], [3, 9092]);
  assertEquals([(await many(1, "tx")).errorCode, (await many(2, `g:${OLD_ID}:0`)).errorCode], [
    15,
    15,
  ]);
  assertEquals([(await many(2, "g")).errorCode, (await many(7, "g")).errorCode], [42, 42]);
  assertEquals((await find(0, { key: "g" })).nodeId, 3);
});

// deno-lint-ignore no-explicit-any -- answers are looked at field by field
type Any = any;

const NOBODY = {
  groupId: "g",
  generationIdOrMemberEpoch: -1,
  memberId: "",
  groupInstanceId: null,
  retentionTimeMs: -1,
};

async function desk() {
  const log = new SimulatedLog();
  log.liesAboutSync = true; // here: keeps everything at once
  const groups = new GroupCoordinator({
    clock: new FakeClock(),
    settings: {
      initialRebalanceDelayMs: 0,
      minSessionTimeoutMs: 6000,
      maxSessionTimeoutMs: 30_000,
      maxSize: 10,
      maxGroups: 10,
      maxMemberBytes: 1 << 20,
      offsetsRetentionMs: 1000,
      offsetsRetentionCheckIntervalMs: 1000,
      offsetMetadataMaxLength: 4096,
      offsetMetadataMaxBytes: 1 << 20,
      maxOffsets: 1 << 20,
    },
    topic: {
      name: "__consumer_offsets",
      partitionCount: 1,
      create: () => Promise.resolve(),
      led: () => ({ log, leaderEpoch: 0 }),
    },
    consumer: consumerContext(),
    give: () => {},
    newId: () => "id",
    wake: () => () => {},
    onEvent: () => {},
  });
  await groups.loadAll();
  const topic = { name: "t", id: OLD_ID, partitions: [{ leaderId: 3 }, { leaderId: 3 }] };
  const offsetsTopic = { ...topic, name: "__consumer_offsets" };
  const catalogue = {
    topic: (name: string) => [topic, offsetsTopic].find((one) => one.name === name),
    topicById: (id: Uuid) => id === topic.id ? topic : undefined,
  } as unknown as Catalogue;
  const nodes = {
    node: (id: number) => id === 3 ? { id, host: "h", port: 9092 } : undefined,
  } as unknown as NodeRegistry;
  const ask = async (handler: Handler, apiVersion: number, request: Any): Promise<Any> =>
    await handler.handle(
      request,
      {
        apiVersion,
        clientId: "c",
        connection: { peer: "p", ends: new Set(), isEnding: false, hold: () => {} },
        access: OPEN_ACCESS,
        quota: null,
      } as unknown as RequestContext,
    );
  /** A handler takes the coordinator, or an object with it. */
  const call = (make: (services: Any) => Handler, apiVersion: number, request: Any) =>
    ask(
      make(Object.assign(groups, { groups, catalogue, answers: someAnswers() })),
      apiVersion,
      request,
    );
  const commit = (committedOffset: bigint) =>
    call(offsetCommit, 8, {
      ...NOBODY,
      topics: [{ name: "t", partitions: [{ ...offset(0), committedOffset }] }],
    });
  const find = (apiVersion: number, request: Any) =>
    ask(
      findCoordinator({
        groups,
        transactions: { runtime: groups },
        catalogue,
        nodes,
        answers: someAnswers(),
      }),
      apiVersion,
      request,
    );
  return { call, commit, find, topic, groups };
}

function offset(partitionIndex: number) {
  return { partitionIndex, committedOffset: 1n, committedLeaderEpoch: -1, committedMetadata: null };
}

function codes(answer: Any): number[][] {
  return answer.topics.map((topic: Any) => topic.partitions.map((one: Any) => one.errorCode));
}

function offsets(topics: Any): bigint[][] {
  return topics.map((topic: Any) => topic.partitions.map((one: Any) => one.committedOffset));
}
