/** What is counted of admissions, as it is shown. */
import { assertEquals } from "@std/assert";
import { countAdmissions } from "./admissions.ts";
import { Metrics } from "./metrics.ts";

Deno.test("each refusal of the transaction coordinator is counted, and how long every answer took", () => {
  const metrics = new Metrics(), count = countAdmissions(metrics);
  count(0, 2);
  count(51, 100);
  count(47, 1);
  const [{ name, read }] = metrics.gauges, [{ histogram }] = metrics.histograms;
  assertEquals([name, read()], ["transaction_verification_failures_total", 2]);
  assertEquals([histogram.count, Math.round(histogram.sum * 1000)], [3, 103]);
});
