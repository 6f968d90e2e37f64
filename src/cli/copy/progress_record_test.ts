/** Proves that the progress of a partition survives as text, and fits into what a broker keeps beside an offset. */
import { assert, assertEquals } from "@std/assert";
import type { Uuid } from "../../bytes/uuid.ts";
import { OffsetMap } from "./offset_map.ts";
import { decodeProgress, encodeProgress, type ProgressRecord } from "./progress_record.ts";

const PROGRESS: ProgressRecord = {
  source: { topic: "t".repeat(249), id: "AAAAAAAAAAAAAAAAAAAAAA" as Uuid },
  targetId: "BBBBBBBBBBBBBBBBBBBBBB",
  isMade: true,
  identity: { producerId: Number.MAX_SAFE_INTEGER, producerEpoch: 0 },
  points: [{ source: 0, target: 0 }, { source: 9, target: 4 }],
};

Deno.test("progress survives as text, and what is none, or of a later version, is refused", () => {
  const text = encodeProgress(PROGRESS);
  assertEquals(decodeProgress(text), PROGRESS);
  for (const other of ["", "null", "3", "{}", text.replace('"v":1', '"v":2'), text.slice(1)]) {
    assertEquals(decodeProgress(other), null);
  }
  assertEquals(decodeProgress(text.replace('"points":"', '"points":"x.y.z ')), null);
});

Deno.test("with gaps of millions everywhere, and two windows ahead, it fits into 4096 characters", () => {
  const map = new OffsetMap([{ source: 1e15, target: 1e15 }], 1e15);
  let source = 1e15, target = 1e15, behind = target;
  for (let n = 1; n <= 5000; n++) {
    source += 1e8 + n;
    target += 12_345 + n;
    map.add({ source, target });
    // A gap and none by turns leave two points each, and a window ends at 32 gaps.
    map.add({ source: source += 777, target: target += 777 });
    if (n % 32 === 0) {
      map.reached(behind);
      behind = target;
    }
    if (n < 4000) continue;
    const text = encodeProgress({ ...PROGRESS, points: map.points });
    assert(text.length < 4096, `${text.length} characters for ${map.points.length} points`);
    assertEquals(decodeProgress(text)?.points, map.points);
  }
});
