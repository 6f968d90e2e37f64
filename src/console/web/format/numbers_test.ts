import { assertEquals } from "@std/assert";
import {
  bytes,
  bytesPerSecond,
  counted,
  duration,
  exact,
  latency,
  perSecond,
  short,
} from "./numbers.ts";

Deno.test("numbers are exact below 2^53, and short ones have three digits", () => {
  assertEquals(exact(9007199254740991), "9,007,199,254,740,991");
  assertEquals([0, 7, 999, 1000, 12345, 999_949, 999_999, 1.5e9].map(short), [
    "0",
    "7",
    "999",
    "1 k",
    "12.3 k",
    "1 M",
    "1 M",
    "1.5 G",
  ]);
  assertEquals(short(-1500), "-1.5 k");
  assertEquals([perSecond(0.125), perSecond(1234)], ["0.13/s", "1.23 k/s"]);
});

Deno.test("bytes step by 1024, and never show a thousand of a unit", () => {
  assertEquals([0, 1, 999, 1000, 1536, 1048575, 1073741824].map(bytes), [
    "0 B",
    "1 B",
    "999 B",
    "0.98 KiB",
    "1.5 KiB",
    "1 MiB",
    "1 GiB",
  ]);
  assertEquals(bytesPerSecond(2048), "2 KiB/s");
});

Deno.test("durations and latencies have the units that matter", () => {
  assertEquals([0, 12, 1000, 61_000, 3_600_000, 90_061_000, 604_800_000, -5000].map(duration), [
    "0 ms",
    "12 ms",
    "1 s",
    "1 min 1 s",
    "1 h",
    "1 d 1 h",
    "7 d",
    "-5 s",
  ]);
  assertEquals([0.256, 1.5, 12.34, 250, 4200].map(latency), [
    "0.26 ms",
    "1.5 ms",
    "12.3 ms",
    "250 ms",
    "4.2 s",
  ]);
  assertEquals([counted(1, "topic"), counted(2000, "topic"), counted(0, "entry", "entries")], [
    "1 topic",
    "2,000 topics",
    "0 entries",
  ]);
});
