/**
 * What clients see of a batch that was damaged on the disk while the broker was away: 2, CORRUPT_MESSAGE, at once, for its
 * partition and from its offset on; everything before and behind it, other partitions and writes go on.
 */
import { assert, assertEquals } from "@std/assert";
import { ListOffsets } from "../../src/protocol/messages/list_offsets.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { append, fetch, fetchOne, valuesIn } from "./calls.ts";
import { TestBroker, within } from "./harness.ts";

const CORRUPT_MESSAGE = 2;
const VALUES = Array.from({ length: 20 }, (_, i) => `${i}-${"x".repeat(50)}`);
const DAMAGED = 9;

/** A broker on a directory where the record 9 of topic "t" has one bit wrong. */
async function damaged(path: string): Promise<TestBroker> {
  {
    await using broker = await TestBroker.start({ path, flush: "fsync" });
    await broker.createTopic("t");
    await broker.createTopic("other");
    const connection = await broker.connect();
    for (const value of VALUES) await append(connection, "t", [value]);
    await append(connection, "other", ["whole"]);
  }
  const file = `${path}/t-0/00000000000000000000.log`;
  const bytes = Deno.readFileSync(file);
  for (const at of batch.batches(bytes)) {
    if (batch.baseOffset(bytes, at) === DAMAGED) bytes[at + 90] ^= 4;
  }
  Deno.writeFileSync(file, bytes);
  return await TestBroker.start({ path, flush: "fsync" });
}

Deno.test("a damaged batch is error 2 of its partition; what lies around it is served, and writes go on", async () => {
  const path = Deno.makeTempDirSync();
  try {
    await using broker = await damaged(path);
    const connection = await broker.connect();
    assertEquals(valuesIn((await fetchOne(connection, "t", 0)).records), VALUES.slice(0, DAMAGED));
    for (let times = 0; times < 2; times++) {
      const refused = await fetchOne(connection, "t", DAMAGED);
      assertEquals([refused.errorCode, refused.records?.length ?? 0], [CORRUPT_MESSAGE, 0]);
    }
    const behind = await fetchOne(connection, "t", DAMAGED + 1);
    assertEquals(valuesIn(behind.records), VALUES.slice(DAMAGED + 1));
    await append(connection, "t", ["new"]);
    assertEquals(valuesIn((await fetchOne(connection, "t", VALUES.length)).records), ["new"]);
    const both = await fetch(
      connection,
      [
        { topic: "t", partitions: [{ partition: 0, fetchOffset: DAMAGED }] },
        { topic: "other", partitions: [{ partition: 0, fetchOffset: 0 }] },
      ],
      {},
      12,
    );
    const [t, other] = both.responses.map(({ partitions }) => partitions[0]);
    assertEquals([t.errorCode, other.errorCode], [CORRUPT_MESSAGE, 0]);
    assertEquals(valuesIn(other.records), ["whole"]);
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
});

Deno.test("a long poll that meets damage is answered at once", async () => {
  const path = Deno.makeTempDirSync();
  try {
    await using broker = await damaged(path);
    const connection = await broker.connect();
    const wait = { maxWaitMs: 60_000, minBytes: 1 << 20 };
    const partitions = [{ partition: 0, fetchOffset: DAMAGED }];
    const answer = await within(
      fetch(connection, [{ topic: "t", partitions }], wait, 12),
      "the fetch",
    );
    assertEquals(answer.responses[0].partitions[0].errorCode, CORRUPT_MESSAGE);
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
});

Deno.test("a search by time that damage may hide the answer of is error 2", async () => {
  const path = Deno.makeTempDirSync();
  try {
    await using broker = await damaged(path);
    const connection = await broker.connect();
    const ask = async (timestamp: number) => {
      const answer = await connection.request(ListOffsets, 7, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [{
          name: "t",
          partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp }],
        }],
      });
      return answer.topics[0].partitions[0];
    };
    assertEquals([(await ask(0)).errorCode, (await ask(0)).offset], [0, 0]);
    assertEquals((await ask(-1)).offset, VALUES.length);
    assertEquals((await ask(Date.now() + 1_000_000)).errorCode, CORRUPT_MESSAGE);
    assert((await fetchOne(connection, "t", 0)).errorCode === 0);
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
});
