import { assertEquals } from "@std/assert";
import { configInWords } from "./config_in_words.ts";

Deno.test("what a config's number comes to is said where it says more than the number", () => {
  const said: readonly (readonly [string, string, string | null])[] = [
    ["retention.ms", "604800000", "7 d"],
    ["retention.ms", "-1", "no limit"],
    ["retention.bytes", "-1", "no limit"],
    ["segment.bytes", "1073741824", "1 GiB"],
    ["flush.messages", "9223372036854775807", "no limit"],
    ["local.retention.ms", "-2", null],
    ["min.compaction.lag.ms", "0", null],
    ["index.interval.bytes", "1023", null],
    ["min.insync.replicas", "2", null],
    ["cleanup.policy", "delete", null],
    ["compression.gzip.level", "-1", null],
  ];
  assertEquals(said.map(([name, value]) => configInWords(name, value)), said.map(([, , is]) => is));
});
