/** Paint: what the console costs in the executable, how soon it is seen, and what it asks for when it is opened. */
import { assert, assertEquals } from "@std/assert";
import { WEB_ASSETS } from "../../src/console/web_assets.ts";
import { until, Watched } from "./browser.ts";
import type { House } from "./console.ts";

const MAX_BYTES = 300 * 1024;
const ROUNDS = 20, MAX_PAINT_MS = 100;
/** On a machine that has other work a page of one word takes its time, too: it may take so many times that. */
const BARE = "/healthz", MAX_TIMES_BARE = 6;
/** ms since the page was asked for. */
const FIRST = `performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null`;

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
    const times: number[] = [], bare: number[] = [], largest: number[] = [];
    const first = async () => {
      let ms: number | null = null;
      await until(async () => (ms = await page.evaluate<number | null>(FIRST)) !== null);
      return ms!;
    };
    for (let round = 0; round <= ROUNDS; round++) {
      await page.goto(`${origin}${BARE}`);
      const bareMs = await first();
      await page.goto(origin);
      await page.locator(".dot.live").waitFor();
      // The first one brings what is kept.
      if (round === 0) continue;
      bare.push(bareMs);
      times.push(await first());
      largest.push(await page.evaluate(LARGEST));
    }
    watched.asked.splice(0);
    await page.goto(`${origin}/topics`);
    await page.getByRole("link", { name: "orders" }).waitFor();
    await page.locator(".dot.live").waitFor();
    // The icon comes whenever the browser has time for it.
    const asked = watched.asked.map((one) => one.replace(/\.[0-9a-f]{16}\./, "."))
      .filter((one) => !one.endsWith("icon.svg") && !one.endsWith("/favicon.ico"));
    assertEquals(asked.toSorted(), [
      "GET /api/v1/live",
      "GET /api/v1/topics?limit=100",
      "GET /assets/console.css",
      "GET /assets/console.js",
      "GET /assets/first.js",
      "GET /topics",
    ]);
    const kept = await page.evaluate<string[]>(
      `performance.getEntriesByType("resource").filter(({ name, transferSize }) => name.includes("/assets/") && transferSize > 0).map(({ name }) => name)`,
    );
    assertEquals(kept, [], "assets are asked for again");
    const medians = [times, largest, bare].map(medianOf);
    const [median, last, ofBare] = medians.map((ms) => ms.toFixed(0));
    const figure =
      `first contentful paint ${median} ms, largest ${last} ms, a bare page ${ofBare} ms, medians of ` +
      `${ROUNDS}; ${asked.length} requests, the 3 assets from the browser's cache`;
    assert(medians[0] < Math.max(MAX_PAINT_MS, MAX_TIMES_BARE * medians[2]), figure);
    // The bare page names no icon of its own.
    assertEquals(watched.faults(/favicon\.ico/), []);
    return figure;
  });
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b), half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
}
