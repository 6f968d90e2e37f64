/**
 * What is asked about replicas, leaders and the quorum of a cluster that has one node: each answer goes through the
 * codec in every version served, over a metadata log in memory. Codes and texts are those a Kafka 4.4.0 was seen to give.
 */
import { assertEquals } from "@std/assert";
import { someAnswers } from "../testing/answers.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { AlterPartitionReassignments } from "../protocol/messages/alter_partition_reassignments.ts";
import { AlterReplicaLogDirs } from "../protocol/messages/alter_replica_log_dirs.ts";
import { DescribeQuorum } from "../protocol/messages/describe_quorum.ts";
import { ElectLeaders } from "../protocol/messages/elect_leaders.ts";
import { ListPartitionReassignments } from "../protocol/messages/list_partition_reassignments.ts";
import { UnregisterBroker } from "../protocol/messages/unregister_broker.ts";
import type { NewRecord } from "../topics/metadata_record.ts";
import { adminFixture, ask, everyVersion } from "../testing/admin.ts";
import { alterPartitionReassignments } from "./alter_partition_reassignments.ts";
import { alterReplicaLogDirs } from "./alter_replica_log_dirs.ts";
import { describeQuorum } from "./describe_quorum.ts";
import { electLeaders } from "./elect_leaders.ts";
import { listPartitionReassignments } from "./list_partition_reassignments.ts";
import { unregisterBroker } from "./unregister_broker.ts";

async function start() {
  const { fixture, catalogue } = await adminFixture();
  await fixture.create("t", 2);
  const write = (record: NewRecord) =>
    fixture.metadata.transact(() => ({ records: [record], result: null }));
  return { fixture, catalogue, write };
}

/** Gives partition 1 of "t" replicas, and a leader, that only a larger cluster could have. */
function partitionChange(
  topicId: string,
  change: { leader?: number; replicas?: number[]; addingReplicas?: number[] },
): NewRecord {
  const value = { partitionId: 1, topicId, ...change };
  return { kind: "PartitionChangeRecord", version: 2, value } as NewRecord;
}

Deno.test("ElectLeaders finds no election needed, in every version", async () => {
  const { catalogue } = await start();
  const elect = electLeaders({ catalogue });
  await everyVersion(elect, async (version) => {
    const answer = await ask(elect, ElectLeaders, version, {
      topicPartitions: [{ topic: "t", partitions: [0, 9] }, { topic: "no", partitions: [0] }],
    });
    assertEquals(answer.errorCode, 0);
    const results = answer.replicaElectionResults.flatMap((topic) => topic.partitionResult);
    assertEquals(results.map((one) => [one.errorCode, one.errorMessage]), [
      [84, "Leader election not needed for topic partition."],
      [3, "No such partition as t-9"],
      [3, "No such topic as no"],
    ]);
  });
});

Deno.test("ElectLeaders of all partitions names those only whose leader is not the wanted one", async () => {
  const { catalogue, write } = await start();
  const elect = electLeaders({ catalogue });
  const all = async (electionType: number) => {
    const { replicaElectionResults: [{ partitionResult }] } = await ask(elect, ElectLeaders, 2, {
      electionType,
      topicPartitions: null,
    });
    return partitionResult.map((one) => [one.partitionId, one.errorCode]);
  };
  assertEquals(await all(0), []);
  const { id } = catalogue.topic("t")!;
  await write(partitionChange(id, { replicas: [8, 3] }));
  assertEquals([await all(0), await all(1)], [[[1, 80]], []]);
  await write(partitionChange(id, { leader: -1 }));
  assertEquals(await all(1), [[1, 83]]);
});

Deno.test("ElectLeaders refuses an unknown kind of election", async () => {
  const { catalogue } = await start();
  const answer = await ask(electLeaders({ catalogue }), ElectLeaders, 2, {
    electionType: 2,
    topicPartitions: [{ topic: "t", partitions: [0] }],
  });
  const [{ partitionResult: [result] }] = answer.replicaElectionResults;
  assertEquals([answer.errorCode, result.errorCode, result.errorMessage], [
    42,
    42,
    "Unknown election type 2",
  ]);
});

Deno.test("AlterPartitionReassignments leaves what is where it is, and cancels nothing", async () => {
  const { catalogue } = await start();
  const alter = alterPartitionReassignments({ catalogue });
  const cases: [string, number, number[] | null, number, string | null][] = [
    ["t", 0, [3], 0, null],
    ["t", 0, null, 85, null],
    ["t", 9, [3], 3, "Unable to find partition t:9."],
    ["no", 0, [3], 3, "Unable to find a topic named no."],
    [
      "t",
      0,
      [5],
      39,
      "The manual partition assignment includes broker 5, but no such broker is registered.",
    ],
    ["t", 0, [], 39, "The manual partition assignment includes an empty replica list."],
    ["t", 0, [3, 3], 39, "The manual partition assignment includes the broker 3 more than once."],
  ];
  await everyVersion(alter, async (version) => {
    const { responses } = await ask(alter, AlterPartitionReassignments, version, {
      topics: cases.map(([name, partitionIndex, replicas]) => ({
        name,
        partitions: [{ partitionIndex, replicas }],
      })),
    });
    const outcomes = responses.map(({ partitions: [one] }) => [one.errorCode, one.errorMessage]);
    assertEquals(outcomes, cases.map(([, , , code, text]) => [code, text]));
  });
});

Deno.test("ListPartitionReassignments tells a move that a larger cluster left behind", async () => {
  const { catalogue, write } = await start();
  const list = listPartitionReassignments({ catalogue });
  const listed = async (topics: { name: string; partitionIndexes: number[] }[] | null) => {
    const answer = await ask(list, ListPartitionReassignments, 0, { topics });
    return answer.topics.flatMap(({ name, partitions }) =>
      partitions.map((one) => [name, one.partitionIndex, one.replicas, one.addingReplicas])
    );
  };
  assertEquals(await listed(null), []);
  const { id } = catalogue.topic("t")!;
  await write(partitionChange(id, { replicas: [3, 8], addingReplicas: [8] }));
  const move = ["t", 1, [3, 8], [8]];
  assertEquals(await listed(null), [move]);
  assertEquals(await listed([{ name: "t", partitionIndexes: [1] }]), [move]);
  assertEquals(await listed([{ name: "t", partitionIndexes: [0] }]), []);
});

Deno.test("AlterReplicaLogDirs takes the one directory there is, in every version", async () => {
  const { catalogue } = await start();
  const alter = alterReplicaLogDirs({ catalogue, logDir: "/data", answers: someAnswers() });
  await everyVersion(alter, async (version) => {
    const codes = async (...dirs: [path: string, partitions: number[]][]) => {
      const { results } = await ask(alter, AlterReplicaLogDirs, version, {
        dirs: dirs.map(([path, partitions]) => ({ path, topics: [{ name: "t", partitions }] })),
      });
      return results.flatMap((topic) =>
        topic.partitions.map((one) => [one.partitionIndex, one.errorCode])
      );
    };
    assertEquals(await codes(["/data", [0, 9]]), [[0, 0], [9, 3]]);
    assertEquals(await codes(["/data/", [0]]), [[0, 0]]);
    assertEquals(await codes(["/other", [0, 9]]), [[0, 57], [9, 57]]);
    assertEquals(await codes(["/data", [0]], ["/other", [0]]), [[0, 57]]);
  });
});

Deno.test("AlterReplicaLogDirs takes memory:// for what it is", async () => {
  const { catalogue } = await start();
  const alter = alterReplicaLogDirs({ catalogue, logDir: "memory://", answers: someAnswers() });
  const dirs = [{ path: "memory://", topics: [{ name: "t", partitions: [0] }] }];
  const { results } = await ask(alter, AlterReplicaLogDirs, 2, { dirs });
  assertEquals(results[0].partitions[0].errorCode, 0);
});

Deno.test("DescribeQuorum tells this node as the one voter, in every version", async () => {
  const { fixture } = await start();
  const { metadata } = fixture;
  const describe = describeQuorum({ metadata, nodeId: 3, clock: new FakeClock(5000) });
  await everyVersion(describe, async (version) => {
    const { errorCode, topics: [topic], nodes } = await ask(describe, DescribeQuorum, version, {
      topics: [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }],
    });
    const [partition] = topic.partitions;
    assertEquals([errorCode, partition.errorCode], [0, 0]);
    assertEquals([partition.leaderId, partition.leaderEpoch], [3, metadata.leaderEpoch]);
    const end = metadata.version + 1;
    assertEquals(partition.highWatermark, end);
    const [voter, ...others] = partition.currentVoters;
    assertEquals([voter.replicaId, voter.logEndOffset, others.length], [3, end, 0]);
    assertEquals(voter.lastCaughtUpTimestamp, version >= 1 ? 5000 : -1);
    const listener = { name: "CONTROLLER", host: "127.0.0.1", port: 9092 };
    assertEquals(nodes, version >= 2 ? [{ nodeId: 3, listeners: [listener] }] : []);
  });
});

Deno.test("DescribeQuorum knows the metadata log's partition 0 alone", async () => {
  const { fixture: { metadata } } = await start();
  const describe = describeQuorum({ metadata, nodeId: 3, clock: new FakeClock() });
  const codes = async (...topics: [name: string, ...partitions: number[]][]) => {
    const answer = await ask(describe, DescribeQuorum, 2, {
      topics: topics.map(([topicName, ...partitions]) => ({
        topicName,
        partitions: partitions.map((partitionIndex) => ({ partitionIndex })),
      })),
    });
    assertEquals(answer.errorCode, 0);
    return answer.topics.flatMap((topic) => topic.partitions.map((one) => one.errorCode));
  };
  assertEquals(await codes(["t", 0]), [3]);
  assertEquals(await codes(["__cluster_metadata", 1]), [3]);
  assertEquals(await codes(["__cluster_metadata", 0, 1]), [3, 3]);
  assertEquals(await codes(), []);
});

Deno.test("UnregisterBroker forgets a broker of a former cluster, and neither this nor an unknown one", async () => {
  const { fixture: { metadata }, catalogue, write } = await start();
  const unregister = unregisterBroker({ metadata, nodeId: 3 });
  const outcome = async (brokerId: number) => {
    const { errorCode, errorMessage } = await ask(unregister, UnregisterBroker, 0, { brokerId });
    return [errorCode, errorMessage];
  };
  assertEquals(await outcome(8), [102, "Broker ID 8 is not currently registered"]);
  assertEquals((await outcome(3))[0], 42);
  const registration = { ...catalogue.broker(3)!, brokerId: 8, fenced: true };
  await write({ kind: "RegisterBrokerRecord", version: 4, value: registration });
  assertEquals(await outcome(8), [0, null]);
  assertEquals(catalogue.brokers().map(({ brokerId }) => brokerId), [3]);
});
