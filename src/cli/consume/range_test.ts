/** Proves what each way to write a range means, and that what is none is refused. */
import { assertEquals } from "@std/assert";
import { rangeOf, rangesOf } from "./range.ts";

const NOW_MS = Date.parse("2026-11-30T08:00:00Z");
const time = (timeMs: number) => ({ kind: "time", timeMs });
const at = (text: string) => Date.parse(text);

const MEANT: Record<string, unknown> = {
  "": { from: { kind: "start" }, to: null },
  ":": { from: { kind: "start" }, to: null },
  "start": { from: { kind: "start" }, to: null },
  "end": { from: { kind: "end" }, to: null },
  "earliest:latest": { from: { kind: "start" }, to: { kind: "end" } },
  "beginning": { from: { kind: "start" }, to: null },
  "120": { from: { kind: "offset", offset: 120 }, to: null },
  "0:10": { from: { kind: "offset", offset: 0 }, to: { kind: "offset", offset: 10 } },
  ":end": { from: { kind: "start" }, to: { kind: "end" } },
  "-10": { from: { kind: "beforeEnd", offset: 10 }, to: null },
  "+10:-5": { from: { kind: "afterStart", offset: 10 }, to: { kind: "beforeEnd", offset: 5 } },
  "@-1h:": { from: time(NOW_MS - 3_600_000), to: null },
  "@-2h:-1h": { from: time(NOW_MS - 7_200_000), to: time(NOW_MS - 3_600_000) },
  "@-2h:@-1h": { from: time(NOW_MS - 7_200_000), to: time(NOW_MS - 3_600_000) },
  "@2026-11-30": { from: time(at("2026-11-30T00:00:00Z")), to: null },
  "@2026-11-30:6h": {
    from: time(at("2026-11-30T00:00:00Z")),
    to: time(at("2026-11-30T06:00:00Z")),
  },
  "@2026-11-30T07:30:2026-11-30T07:45": {
    from: time(at("2026-11-30T07:30:00Z")),
    to: time(at("2026-11-30T07:45:00Z")),
  },
  "@2026-11-30T07:30:15.5+01:00:": { from: time(at("2026-11-30T06:30:15.5Z")), to: null },
  "@1764489600000:now": { from: time(1764489600000), to: time(NOW_MS) },
};

for (const [text, meant] of Object.entries(MEANT)) {
  Deno.test(`the range "${text}" is understood`, () => {
    assertEquals(rangeOf(text, NOW_MS) as unknown, meant);
  });
}

Deno.test("what is no range is none", () => {
  const wrong = ["x", "1.5", "--1", "@", "@x", "@-1", "@2026-13-01", "@2026-11-30T25:00", "1:2:3"];
  wrong.push("@-1h:x", "99999999999999999", "@99999999999999999999", "@-1y", "1:@", "0x10");
  for (const text of wrong) assertEquals(rangeOf(text, NOW_MS), null, text);
});

Deno.test("a partition may have a range of its own", () => {
  const ranges = rangesOf(["0=5:", "2=end", "-1"], NOW_MS);
  if (typeof ranges === "string") throw new Error(ranges);
  assertEquals(ranges.all, { from: { kind: "beforeEnd", offset: 1 }, to: null });
  assertEquals([...ranges.byPartition.keys()], [0, 2]);
  assertEquals(typeof rangesOf(["0=x"], NOW_MS), "string");
});
