/** Proves what makes a broker not ready, and that a part that fails is told without that. */
import { assertEquals } from "@std/assert";
import { Readiness } from "./readiness.ts";

Deno.test("a broker is ready when its phase is over and nothing that it needs is missing", () => {
  const readiness = new Readiness();
  let missing: string | null = null;
  readiness.needs(() => missing);
  readiness.warnsOf(() => ["t-0 is offline"]);
  assertEquals(readiness.notReady, "starting");
  readiness.phase = null;
  assertEquals([readiness.notReady, readiness.warnings], [null, ["t-0 is offline"]]);
  missing = "the metadata cannot be written to";
  assertEquals(readiness.notReady, "the metadata cannot be written to\nt-0 is offline");
  missing = null;
  readiness.phase = "stopping";
  assertEquals(readiness.notReady, "stopping");
});

Deno.test("of thousands of problems twenty are shown, and the rest counted", () => {
  const readiness = new Readiness();
  readiness.warnsOf(() => Array.from({ length: 2000 }, (_, i) => `t-${i}`));
  assertEquals([readiness.warnings.length, readiness.warnings.at(-1)], [21, "and 1980 more"]);
});
