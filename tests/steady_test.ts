/**
 * Proves that a broker is after many short lives of topics, groups and clients what it was before them: nothing that it was
 * lent, opened or told for them is left. How its memory does over hours is tests/soak/'s business.
 */
import { assertEquals } from "@std/assert";
import { Admin, Broker, Consumer, Producer } from "../src/mod.ts";
import { Connection } from "../src/client/connection.ts";
import { DeleteGroups } from "../src/protocol/messages/delete_groups.ts";
import { FindCoordinator } from "../src/protocol/messages/find_coordinator.ts";
import { OffsetCommit } from "../src/protocol/messages/offset_commit.ts";

const LIVES = 30;

for (const path of ["memory://", "a directory"]) {
  Deno.test(`many lives leave nothing behind (storage in ${path})`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await using broker = await Broker.start({
        storage: { path: path === "memory://" ? path : `${folder}/data` },
      });
      for (let i = 0; i < 3; i++) await live(broker.address, `first-${i}`); // makes what is made at first use
      const before = await atRest(broker, null);
      for (let i = 0; i < LIVES; i++) await live(broker.address, `life-${i}`);
      assertEquals(await atRest(broker, before), before);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** A topic comes, is written to in small and in large, read in small and in large, committed for, and goes with its group. */
async function live(bootstrap: string, name: string): Promise<void> {
  const admin = new Admin({ bootstrap });
  await admin.createTopics([{ name, partitions: 2, configs: { "file.delete.delay.ms": "0" } }]);
  await using producer = new Producer({ bootstrap });
  using consumer = new Consumer({ bootstrap }, { autoOffsetReset: "earliest" });
  consumer.assign([{ topic: name, partition: 0 }]);
  for (const bytes of [1, 100, 50_000]) {
    await producer.send({ topic: name, partition: 0, value: "x".repeat(bytes) });
    while ((await consumer.poll(1000)).length === 0);
  }
  await commit(bootstrap, name);
  await admin.deleteTopics([name]);
  admin.close();
}

async function commit(bootstrap: string, name: string): Promise<void> {
  const [host, port] = bootstrap.split(":");
  const connection = await Connection.open({ host, port: Number(port) });
  try {
    for (let code = -1; code !== 0;) {
      await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: [name] });
      const partitions = [{ partitionIndex: 0, committedOffset: 3n, committedMetadata: "" }];
      const answer = await connection.request(OffsetCommit, 8, {
        groupId: name,
        generationIdOrMemberEpoch: -1,
        memberId: "",
        topics: [{ name, partitions }],
      });
      code = answer.topics[0].partitions[0].errorCode;
      if (code !== 0) await pause(20); // the topic of offsets is being made
    }
    await connection.request(DeleteGroups, 2, { groupsNames: [name] });
  } finally {
    connection.close();
  }
}

/** What the broker has, once it is what is wanted; without anything wanted once it stays the same. After some seconds else. */
async function atRest(
  broker: Broker,
  wanted: Record<string, number> | null,
): Promise<Record<string, number>> {
  let found = await had(broker), same = 0;
  const isThere = () => wanted === null ? same >= 5 : isSame(found, wanted);
  for (let i = 0; i < 150 && !isThere(); i++) {
    await pause(100);
    const now = await had(broker);
    same = isSame(found, now) ? same + 1 : 0;
    found = now;
  }
  return found;
}

function isSame(a: Record<string, number>, b: Record<string, number>): boolean {
  return Object.entries(b).every(([name, value]) => a[name] === value);
}

/** Of a scrape: single values by their names, and how many series there are of the others. */
async function had(broker: Broker): Promise<Record<string, number>> {
  const text = await (await fetch(`http://${broker.httpAddress}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^runnel_${name} (\\S+)$`, "m").exec(text)![1]);
  const series = (name: string) => text.match(new RegExp(`^runnel_${name}{`, "gm"))?.length ?? 0;
  return {
    lentBytes: value("buffers_lent_bytes"),
    reservedBytes: value("requests_reserved_bytes"),
    connections: value("connections"),
    topics: series("topic_bytes_in_total"),
    partitions: series("partition_log_end_offset"),
    groups: series("group_members"),
    offline: value("partitions_offline"),
    problems: value("placement_problems"),
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
