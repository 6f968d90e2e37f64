/**
 * Proves which offset of the target a group gets between two points with gaps, also where compaction or retention has
 * changed the source since it was copied.
 */
import { assertEquals } from "@std/assert";
import type { Uuid } from "../../bytes/uuid.ts";
import type { BatchReader, FetchedBatches } from "../../client/batch_reader.ts";
import { KafkaError } from "../../client/errors.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { OffsetMap } from "./offset_map.ts";
import type { OpenedPartition } from "./partition_copy.ts";
import { translated } from "./translation.ts";

const utf8 = new TextEncoder();

/** A log of these records, a batch each; it begins at the first. */
function logOf(records: readonly (readonly [offset: number, value: string])[]): BatchReader {
  const fetch = (_: unknown, offset: number): Promise<FetchedBatches> => {
    const end = records[records.length - 1][0] + 1;
    if (offset < records[0][0] || offset > end) {
      return Promise.reject(new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE, "fetch"));
    }
    const found = records.find(([at]) => at >= offset);
    const bytes = found === undefined ? null : buildBatch({
      records: [{ timestampMs: 1000, value: utf8.encode(found[1]) }],
      baseOffset: found[0],
    });
    return Promise.resolve({ records: bytes, abortedTransactions: null, lastStableOffset: end });
  };
  const start = () => Promise.resolve(records[0][0]);
  return { fetch, start } as unknown as BatchReader;
}

const PARTITION = { topic: "t", topicId: "AAAAAAAAAAAAAAAAAAAAAA" as Uuid, partition: 0 };
const COPIED = [[10, "a"], [12, "b"], [15, "c"], [16, "d"], [19, "e"]] as const;
const TARGET = logOf(COPIED.map(([, value], at) => [100 + at, value]));

const opened: OpenedPartition = {
  from: PARTITION,
  to: PARTITION,
  isMade: true,
  identity: { producerId: 1, producerEpoch: 0 },
  map: new OffsetMap([{ source: 10, target: 100 }, { source: 20, target: 105 }], 105),
};

async function all(source: BatchReader, target = TARGET): Promise<string> {
  const found: string[] = [];
  for (let offset = 9; offset <= 21; offset++) {
    const { offset: there, isExact } = await translated({ source, target }, opened, offset);
    found.push(`${there - 100}${isExact ? "" : "?"}`);
  }
  return found.join(" ");
}

Deno.test("between two points every offset becomes that of the next record there is", async () => {
  assertEquals(await all(logOf(COPIED)), "0 0 1 1 2 2 2 3 4 4 4 5 5");
});

Deno.test("what retention took from the front since leads to the first record that is left", async () => {
  assertEquals(await all(logOf(COPIED.slice(2))), "0 0 2 2 2 2 2 3 4 4 4 5 5");
});

Deno.test("a record that compaction moved closer to the point is found by what it is", async () => {
  // d is gone: counting from behind would take c for the one before e.
  const source = logOf(COPIED.filter(([, value]) => value !== "d"));
  assertEquals(await all(source), "0 0 1 1 2 2 2 4 4 4 4 5 5");
});

Deno.test("a record that is at the target no more has a group begin before it, which is told", async () => {
  const source = logOf([[10, "a"], [12, "b"], [15, "c"], [16, "x"], [19, "e"]]);
  assertEquals(await all(source), "0 0 1 1 2 2 2 0? 4 4 4 5 5");
});

Deno.test("where the target was compacted the offset stays what it is", async () => {
  const target = logOf([[100, "a"], [103, "d"], [104, "e"]]);
  assertEquals(await all(logOf(COPIED), target), "0 0 1 1 2 2 2 3 4 4 4 5 5");
});
