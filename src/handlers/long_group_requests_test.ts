/**
 * Proves that requests about groups which name very many, or one over and over, give way, have an end, and are answered as
 * short ones are; and that nothing is told of a group that went elsewhere meanwhile.
 */
import { assert, assertEquals } from "@std/assert";
import { GroupCoordinator } from "../groups/coordinator.ts";
import { commitOffsets } from "../groups/requests/committing.ts";
import { DeleteGroups } from "../protocol/messages/delete_groups.ts";
import { FindCoordinator } from "../protocol/messages/find_coordinator.ts";
import { OffsetFetch } from "../protocol/messages/offset_fetch.ts";
import { ask } from "../testing/admin.ts";
import { someAnswers } from "../testing/answers.ts";
import { consumerContext } from "../testing/consumer_groups.ts";
import { CountedTurns } from "../testing/counted_turns.ts";
import { PartitionsFixture } from "../testing/partitions.ts";
import { deleteGroups } from "./delete_groups.ts";
import { findCoordinator } from "./find_coordinator.ts";
import { LongAnswers } from "./long_answers.ts";
import { offsetFetch } from "./offset_fetch.ts";

const OFFSETS = "__consumer_offsets";
const PARTITIONS = 1000;

/** Group "g" has committed offset 7 for every partition of t. */
async function desk() {
  const fixture = await PartitionsFixture.start();
  await fixture.create("t", PARTITIONS);
  await fixture.create(OFFSETS);
  const log = fixture.log(OFFSETS);
  const groups = new GroupCoordinator({
    clock: fixture.clock,
    settings: {
      initialRebalanceDelayMs: 0,
      minSessionTimeoutMs: 6000,
      maxSessionTimeoutMs: 30_000,
      maxSize: 10,
      maxGroups: 1_000_000,
      maxMemberBytes: 1 << 20,
      offsetsRetentionMs: 86_400_000,
      offsetsRetentionCheckIntervalMs: 600_000,
      offsetMetadataMaxLength: 4096,
      offsetMetadataMaxBytes: 1 << 20,
      maxOffsets: 1 << 20,
    },
    topic: {
      name: OFFSETS,
      partitionCount: 1,
      create: () => Promise.resolve(),
      led: () => ({ log, leaderEpoch: log.leaderEpoch }),
    },
    consumer: consumerContext(),
    give: () => {},
    newId: () => "id",
    wake: () => () => {},
    onEvent: () => {},
  });
  await groups.loadAll();
  const { catalogue, nodes } = fixture.lookup;
  const topicId = catalogue.topic("t")!.id;
  const commit = (groupId: string, count: number) =>
    commitOffsets(groups, {
      groupId,
      generation: -1,
      memberId: "",
      instanceId: null,
      retentionTimeMs: -1,
      knowsGroupIdNotFound: false,
      offsets: Array.from({ length: count }, (_, partition) => ({
        topic: "t",
        topicId,
        partition,
        offset: 7n,
        leaderEpoch: -1,
        metadata: "",
      })),
    });
  await commit("g", PARTITIONS);
  return { groups, catalogue, nodes, topicId, commit, log };
}

Deno.test("OffsetFetch of one group that is named over and over has an end, and gives way", async () => {
  const { groups, catalogue } = await desk();
  const turn = new CountedTurns(5), answers = new LongAnswers({ turn, maxBytes: 1_000_000 });
  const handler = offsetFetch({ groups, catalogue, answers });
  const answer = await ask(handler, OffsetFetch, 8, {
    groups: Array.from({ length: 1000 }, () => ({ groupId: "g", topics: null })),
  });
  const whole = answer.groups.filter(({ errorCode }) => errorCode === 0);
  assert(whole.length >= 5 && whole.length < 100, `${whole.length} of them`);
  assertEquals(whole.every(({ topics }) => topics[0].partitions.length === PARTITIONS), true);
  const refused = answer.groups.filter(({ errorCode, topics }) =>
    errorCode === 42 && topics.length === 0
  );
  assertEquals(whole.length + refused.length, 1000);
  assert(turn.turns >= 199, `${turn.turns} turns for others`);
});

Deno.test("OffsetFetch of very many partitions gives way, and tells each, in every version", async () => {
  const { groups, catalogue, topicId } = await desk();
  const unknown = `${"x".repeat(21)}A` as typeof topicId;
  for (let version = 1; version <= 10; version++) {
    const turn = new CountedTurns(2), answers = new LongAnswers({ turn, maxBytes: 1 << 25 });
    const handler = offsetFetch({ groups, catalogue, answers });
    const byId = version >= 10, partitionIndexes = Array.from({ length: 1500 }, (_, i) => i);
    const named = byId ? { topicId } : { name: "t" };
    const none = byId ? { topicId: unknown } : { name: "u" };
    const topics = [
      { ...none, partitionIndexes: [3] },
      { ...named, partitionIndexes },
      { ...named, partitionIndexes: [] },
    ];
    const answer = await ask(
      handler,
      OffsetFetch,
      version,
      version >= 8 ? { groups: [{ groupId: "g", topics }] } : { groupId: "g", topics },
    );
    const told = version >= 8 ? answer.groups[0].topics : answer.topics;
    const shown = told.map(({ partitions }) => partitions.length);
    assertEquals(shown, byId ? [1500, 0, 1] : [1, 1500, 0]);
    const [{ partitions }] = told.filter((topic) => topic.partitions.length === 1500);
    assertEquals(partitions.map(({ partitionIndex }) => partitionIndex), partitionIndexes);
    assertEquals(
      partitions.map(({ committedOffset, errorCode }) => [committedOffset, errorCode]),
      partitionIndexes.map((i) => [i < PARTITIONS ? 7n : -1n, 0]),
    );
    const [{ partitions: [lost] }] = told.filter((topic) => topic.partitions.length === 1);
    assertEquals([lost.committedOffset, lost.errorCode], [-1n, byId ? 100 : 0]);
    assert(turn.turns >= 4, `${turn.turns} turns for others`);
  }
});

Deno.test("OffsetFetch tells nothing of a group whose partition was given up while it was read", async () => {
  const { groups, catalogue, log } = await desk();
  const turn = new CountedTurns(2), answers = new LongAnswers({ turn, maxBytes: 1 << 25 });
  const handler = offsetFetch({ groups, catalogue, answers });
  const topics = [{ name: "t", partitionIndexes: Array.from({ length: 1000 }, (_, i) => i) }];
  const fetched = async () => {
    const answer = await ask(handler, OffsetFetch, 8, { groups: [{ groupId: "g", topics }] });
    return [answer.groups[0].errorCode, answer.groups[0].topics.length];
  };
  turn.between = () => groups.unload(0);
  assertEquals(await fetched(), [16, 0]);
  await groups.load(0, { log, leaderEpoch: log.leaderEpoch });
  turn.between = () => {
    turn.between = () => {};
    groups.unload(0);
    groups.load(0, { log, leaderEpoch: log.leaderEpoch });
  };
  assertEquals(await fetched(), [16, 0]);
  assertEquals(await fetched(), [0, 1]);
});

Deno.test("DeleteGroups of very many gives way, and deletes each", async () => {
  const { groups, commit } = await desk();
  const names = Array.from({ length: 300 }, (_, i) => `g${i}`);
  for (const name of names) await commit(name, 1);
  const turn = new CountedTurns(10), answers = new LongAnswers({ turn, maxBytes: 1000 });
  const { results } = await ask(deleteGroups(groups, answers), DeleteGroups, 2, {
    groupsNames: [...names, "no", ...names],
  });
  assertEquals(results.length, 301);
  assertEquals(results.filter(({ errorCode }) => errorCode === 0).length, 300);
  assertEquals(results.find(({ groupId }) => groupId === "no")?.errorCode, 69);
  assertEquals([...groups.groups()].map(({ id }) => id), ["g"]);
  assert(turn.turns >= 30, `${turn.turns} turns for others`);
});

Deno.test("FindCoordinator of very many keys gives way", async () => {
  const { groups, catalogue, nodes } = await desk();
  const turn = new CountedTurns(10), answers = new LongAnswers({ turn, maxBytes: 1 << 20 });
  const transactions = { runtime: groups };
  const handler = findCoordinator({ groups, transactions, catalogue, nodes, answers });
  const coordinatorKeys = Array.from({ length: 1000 }, (_, i) => `g${i}`);
  const { coordinators } = await ask(handler, FindCoordinator, 4, { keyType: 0, coordinatorKeys });
  assertEquals(coordinators.map(({ key }) => key), coordinatorKeys);
  assert(turn.turns >= 99, `${turn.turns} turns for others`);
  const short = findCoordinator({ groups, transactions, catalogue, nodes, answers: someAnswers() });
  const again = await ask(short, FindCoordinator, 4, { keyType: 0, coordinatorKeys });
  assertEquals(again.coordinators, coordinators);
});
