import { assertEquals } from "@std/assert";
import { segmentSpans } from "./segment_spans.ts";

Deno.test("segments lie where their records' times are", () => {
  assertEquals(spans([[0, 10, 1000], [10, 20, 2000], [20, 30, 4000]]), [
    [0, 333],
    [333, 222],
    [556, 444],
  ]);
});

Deno.test("an empty last segment and times that go back are narrow, never negative", () => {
  assertEquals(spans([[0, 10, 1000], [10, 20, 500], [20, 30, 2000], [30, 30, null]]), [
    [0, 250],
    [250, 2],
    [250, 750],
    [1000, 2],
  ]);
});

Deno.test("where there are no times they lie by their offsets", () => {
  assertEquals(spans([[0, 10, null], [10, 40, null]]), [[0, 250], [250, 750]]);
  assertEquals(spans([[5, 10, 1000], [10, 10, 1000]]), [[0, 1000], [1000, 2]]);
  assertEquals(spans([[0, 10, 1000]]), [[0, 1000]]);
  assertEquals(spans([[0, 0, null]]), [[0, 1000]]);
  assertEquals(spans([]), []);
});

function spans(
  segments: readonly (readonly [start: number, end: number, latestMs: number | null])[],
) {
  return segmentSpans(
    segments.map(([start, end, latestMs]) => ({ start, end, latestMs, bytes: 1, isActive: false })),
  ).map(({ x, width }) => [Math.round(x), Math.round(width)]);
}
