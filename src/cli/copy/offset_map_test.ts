/** Proves what an offset map keeps of a copy, against a list of every record it passed. */
import { assert, assertEquals } from "@std/assert";
import { type Random, withSeed } from "../../../tests/random.ts";
import { decodePoints, encodePoints, isDense, OffsetMap } from "./offset_map.ts";

Deno.test("without gaps two points say all, and the log may end anywhere between them", () => {
  const map = new OffsetMap([{ source: 100, target: 7 }], 7);
  for (let n = 1; n <= 1000; n++) map.add({ source: 100 + n * 3, target: 7 + n * 3 });
  assertEquals(map.points, [{ source: 100, target: 7 }, { source: 3100, target: 3007 }]);
  assertEquals(map.backTo(1234), { source: 1327, target: 1234 });
  assertEquals(map.last, { source: 1327, target: 1234 });
  assertEquals(map.backTo(6), null);
});

Deno.test("behind a gap the log may end only where a point is", () => {
  const map = new OffsetMap([{ source: 0, target: 0 }], 0);
  map.add({ source: 10, target: 5 });
  map.add({ source: 20, target: 9 });
  assertEquals(map.backTo(7), null);
  assertEquals(map.last.target, 9);
  assertEquals(map.backTo(5), { source: 10, target: 5 });
  assertEquals(map.copied, 5);
  assertEquals(map.backTo(9), null);
});

Deno.test("of a stretch without records the copy goes on behind its end", () => {
  const map = new OffsetMap([{ source: 0, target: 0 }], 0);
  for (const source of [4, 8, 12]) map.add({ source, target: 0 });
  assertEquals(map.points, [{ source: 0, target: 0 }, { source: 12, target: 0 }]);
  map.add({ source: 15, target: 3 });
  assertEquals(map.backTo(0), { source: 12, target: 0 });
});

Deno.test("points survive as text, and what is no such text is refused", () => {
  const points = [{ source: 0, target: 3 }, { source: 9_007_199_254_740_000, target: 3 }];
  assertEquals(decodePoints(encodePoints(points)), points);
  assertEquals(encodePoints([{ source: 5, target: 5 }, { source: 40, target: 40 }]), "5 z");
  for (const text of ["", "x.", "1.2.3", "A", "zzzzzzzzzzz zzzzzzzzzzz"]) {
    assertEquals(decodePoints(text), null, text);
  }
});

Deno.test("random copies: what is dense is right, and pending points stay while those behind are thinned", () => {
  withSeed((random) => {
    for (let round = 0; round < 50; round++) randomCopy(random);
  });
});

function randomCopy(random: Random): void {
  const map = new OffsetMap([{ source: 0, target: 0 }], 0), sources: number[] = [];
  let source = 0;
  for (let batch = 0; batch < 500; batch++) {
    const count = random.below(4);
    for (let n = 0; n < count; n++) {
      sources.push(source);
      source += 1 + (random.below(10) === 0 ? random.below(5) : 0);
    }
    source += random.below(20) === 0 ? 1 : 0;
    map.add({ source, target: sources.length });
    if (random.below(3) === 0) map.reached(sources.length);
  }
  const { points } = map;
  assert(points.filter(({ target }) => target <= map.copied).length <= 65);
  for (const [at, point] of points.entries()) {
    // What comes before the point at the source is before it at the target, and the rest behind.
    assert(point.target === 0 || sources[point.target - 1] < point.source);
    assert(point.target === sources.length || sources[point.target] >= point.source);
    const next = points[at + 1];
    if (next === undefined || !isDense(point, next)) continue;
    for (let target = point.target; target < next.target; target++) {
      assertEquals(sources[target] - point.source, target - point.target);
    }
  }
}
