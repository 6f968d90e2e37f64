/** BatchPlace: each rule at its edge, for places with and without gaps. */
import { assertEquals } from "@std/assert";
import { writeInt32 } from "../../bytes/int64.ts";
import * as batch from "./batch.ts";
import { type Place, wrongBatch, wrongEpoch, wrongHeader } from "./batch_place.ts";
import { buildBatch } from "./build.ts";

/** Three records from 10 on, of leader epoch 4. */
function threeAt10(): Uint8Array {
  const records = Array.from({ length: 3 }, () => ({ timestampMs: 7, value: new Uint8Array(5) }));
  return buildBatch({ records, baseOffset: 10, partitionLeaderEpoch: 4 });
}

const HERE: Place = { nextOffset: 10, mayHaveGaps: false, endOffset: 13 };

Deno.test("a batch stands where the last one ended, and ends before its segment does", () => {
  const bytes = threeAt10();
  for (
    const [place, problem] of [
      [HERE, null],
      [{ ...HERE, endOffset: 12 }, "has last offset 12, needs less than 12"],
      [{ ...HERE, nextOffset: 9 }, "has base offset 10, needs 9"],
      [{ ...HERE, nextOffset: 11 }, "has base offset 10, needs 11"],
      [{ ...HERE, nextOffset: 9, mayHaveGaps: true }, null],
      [{ ...HERE, nextOffset: 11, mayHaveGaps: true }, "has base offset 10, needs 11 or more"],
    ] as const
  ) assertEquals(wrongHeader(bytes, 0, place), problem);
});

Deno.test("a header is judged without its records, a whole batch with its checksum", () => {
  const bytes = threeAt10();
  bytes[bytes.length - 1] ^= 1;
  assertEquals(wrongHeader(bytes.subarray(0, batch.BATCH_OVERHEAD), 0, HERE), null);
  assertEquals(wrongBatch(bytes, 0, HERE), "does not match its checksum");
  bytes[16] = 1;
  assertEquals(wrongBatch(bytes, 0, HERE), "has magic 1, needs 2");
  const negative = threeAt10();
  writeInt32(negative, 23, -1);
  assertEquals(wrongHeader(negative, 0, HERE), "has last offset delta -1, needs 0 or more");
});

Deno.test("leader epochs do not fall, and none is later than the log's", () => {
  const bytes = threeAt10();
  assertEquals(wrongEpoch(bytes, 0, { least: 4, most: 4 }), null);
  assertEquals(wrongEpoch(bytes, 0, { least: -1, most: Infinity }), null);
  assertEquals(wrongEpoch(bytes, 0, { least: 5, most: 9 }), "has leader epoch 4, after 5");
  assertEquals(
    wrongEpoch(bytes, 0, { least: 0, most: 3 }),
    "has leader epoch 4, and the latest is 3",
  );
});
