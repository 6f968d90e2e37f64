/** Proves that what the dashboard and the alert rules ask for is on a broker's /metrics. */
import { assert, assertEquals } from "@std/assert";
import { dashboard } from "../../packaging/dashboard.ts";
import { TestBroker } from "../broker/harness.ts";

const alerts = Deno.readTextFileSync(new URL("../../packaging/alerts.yml", import.meta.url));

Deno.test("every metric that the dashboard and the alert rules name is on /metrics", async () => {
  await using broker = await TestBroker.start({ httpPort: 0 });
  const text = await (await fetch(`http://${broker.httpAddress}/metrics`)).text();
  const served = new Set<string>();
  for (const [, name, type] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    served.add(name);
    if (type === "histogram") {
      for (const part of ["bucket", "sum", "count"]) served.add(`${name}_${part}`);
    }
  }
  for (const [what, from] of [["dashboard", dashboard()], ["alerts", alerts]]) {
    const named = [...new Set(from.match(/\brunnel_\w+/g))];
    assert(named.length >= 8, `${what} names ${named.length}`);
    assertEquals(named.filter((name) => !served.has(name)), [], what);
  }
});

Deno.test("the dashboard's panels fill Grafana's grid without overlap, each with a query", () => {
  const { panels } = JSON.parse(dashboard());
  const taken = new Set<string>();
  for (const { title, type, gridPos: { x, y, w, h }, targets } of panels) {
    assert(x >= 0 && x + w <= 24 && Number.isInteger(w), title);
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        assert(!taken.has(`${column} ${line}`), title);
        taken.add(`${column} ${line}`);
      }
    }
    assert(
      type === "row" || targets.every(({ expr }: { expr: string }) => expr.includes("runnel_")),
      title,
    );
  }
  assertEquals(new Set(panels.map(({ id }: { id: number }) => id)).size, panels.length);
});
