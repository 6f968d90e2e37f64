import { assertEquals } from "@std/assert";
import { fromNow, msOfLocal, writtenTime } from "./times.ts";

Deno.test("a time stands in the user's zone and in UTC, to the millisecond", () => {
  assertEquals(writtenTime(1764505514123, "Europe/Berlin"), {
    local: "2025-11-30 13:25:14.123",
    utc: "2025-11-30 12:25:14.123Z",
    isUtc: false,
    machine: "2025-11-30T12:25:14.123Z",
  });
  assertEquals(writtenTime(1764505514123, "UTC")?.isUtc, true);
  assertEquals(writtenTime(1764547200000, "UTC")?.local, "2025-12-01 00:00:00.000");
  assertEquals(writtenTime(-1, "UTC")?.local, "1969-12-31 23:59:59.999");
});

Deno.test("a record's time that no date can have is null, not an exception", () => {
  assertEquals(writtenTime(Number.MAX_SAFE_INTEGER), null);
  assertEquals(writtenTime(Number.NaN), null);
});

Deno.test("how long ago it was has one unit", () => {
  assertEquals(
    [0, 9_000, 59_000, 3_700_000, 200_000_000, -7_200_000].map((ago) => fromNow(-ago, 0)),
    [
      "just now",
      "just now",
      "59 s ago",
      "1 h ago",
      "2 d ago",
      "in 2 h",
    ],
  );
});

Deno.test("what is written into a field for times is ms, or nothing", () => {
  assertEquals(msOfLocal("2025-11-30T12:25:14"), new Date(2025, 10, 30, 12, 25, 14).getTime());
  assertEquals([msOfLocal(""), msOfLocal("soon")], [null, null]);
});
