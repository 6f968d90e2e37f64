import { assertEquals } from "@std/assert";
import { retention } from "./retention.ts";

Deno.test("how long records stay is said by what deletes them", () => {
  const said = (
    cleanupPolicy: string | null,
    retentionMs: number | null,
    retentionBytes: number | null,
  ) => retention({ cleanupPolicy, retentionMs, retentionBytes });
  assertEquals(said("delete", 604_800_000, -1), "7 d");
  assertEquals(said("delete", 604_800_000, 1073741824), "7 d or 1 GiB a partition");
  assertEquals(said("delete", -1, -1), "for ever");
  assertEquals(said("compact", 604_800_000, -1), "last of each key");
  assertEquals(said("compact,delete", 3_600_000, null), "1 h, last of each key");
  assertEquals(said(null, null, null), "unknown");
});
