/** Paint: what the console costs in the executable, how soon it is seen, and what it asks for when it is opened. */
import { assert, assertEquals } from "@std/assert";
import { WEB_ASSETS } from "../../src/console/web_assets.ts";
import { Watched } from "./browser.ts";
import type { House } from "./console.ts";

const MAX_BYTES = 300 * 1024;
/** PAINT_LIMIT_MS is for a machine that has other work. */
const ROUNDS = 20, MAX_PAINT_MS = Number(Deno.env.get("PAINT_LIMIT_MS") ?? 100);

/** When the last of what is large was painted: the figures of the overview. */
const LARGEST = `new Promise((resolve) =>
  new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime))
    .observe({ type: "largest-contentful-paint", buffered: true }))`;

export async function paint({ suite, browser, served: { origin } }: House): Promise<void> {
  await suite.check("the front end is small in the executable", () => {
    const bytes = Object.values(WEB_ASSETS).reduce((sum, { gzip }) => sum + gzip.length, 0);
    assert(bytes < MAX_BYTES, `${bytes} bytes`);
    return Promise.resolve(`${(bytes / 1024).toFixed(1)} KiB`);
  });
  await suite.check("a warm browser paints soon, and asks for little", async () => {
    await using watched = await Watched.open(browser, origin);
    const page = await watched.context.newPage();
    const times: number[] = [], largest: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      await page.goto(origin);
      await page.locator(".dot.live").waitFor();
      // The first one brings what is kept.
      const ms: number = await page.evaluate(
        `performance.getEntriesByName("first-contentful-paint")[0].startTime`,
      );
      if (round === 0) continue;
      times.push(ms);
      largest.push(await page.evaluate(LARGEST));
    }
    watched.asked.splice(0);
    await page.goto(`${origin}/topics`);
    await page.getByRole("link", { name: "orders" }).waitFor();
    await page.locator(".dot.live").waitFor();
    // The icon comes whenever the browser has time for it.
    const asked = watched.asked.map((one) => one.replace(/\.[0-9a-f]{16}\./, "."))
      .filter((one) => !one.endsWith("icon.svg"));
    assertEquals(asked.toSorted(), [
      "GET /api/v1/live",
      "GET /api/v1/topics?limit=100",
      "GET /assets/console.css",
      "GET /assets/console.js",
      "GET /topics",
    ]);
    const kept = await page.evaluate<string[]>(
      `performance.getEntriesByType("resource").filter(({ name, transferSize }) => name.includes("/assets/") && transferSize > 0).map(({ name }) => name)`,
    );
    assertEquals(kept, [], "assets are asked for again");
    const median = medianOf(times);
    const figure = `first contentful paint ${median.toFixed(0)} ms, largest ${
      medianOf(largest).toFixed(0)
    } ms, medians of ${ROUNDS}; ${asked.length} requests, the 2 assets from the browser's cache`;
    assert(median < MAX_PAINT_MS, figure);
    assertEquals(watched.faults(), []);
    return figure;
  });
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b), half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
}
