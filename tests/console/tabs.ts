/** Tabs: eight of them at a time, all live over one stream; and what is seen while the broker is away. */
import { assert, assertEquals } from "@std/assert";
import { until, Watched } from "./browser.ts";
import type { House } from "./console.ts";
import { load, serve } from "./served.ts";

const TABS = 8;
/** Something new is said every 5 s; a tab that hears nothing for 45 s helps itself, which is not what is tried here. */
const NEWS_LIMIT_MS = 30_000;

export async function tabs({ suite, browser, program }: House): Promise<void> {
  await using served = await serve(program, { flags: [] });
  await using _ = load(program, served.kafka, "clicks", 50);
  const { origin } = served;
  await using watched = await Watched.open(browser, origin);
  const pages = await Promise.all(Array.from({ length: TABS }, () => watched.context.newPage()));
  const streams = () => watched.asked.filter((one) => one === "GET /api/v1/live").length;
  const clock = (at: number) => pages[at].locator(".legend").first().innerText();
  const news = async (some: readonly number[]) => {
    const before = await Promise.all(some.map(clock));
    await Promise.all(
      some.map((at, i) => until(async () => await clock(at) !== before[i], NEWS_LIMIT_MS)),
    );
  };
  const all = pages.map((_, at) => at);
  await suite.check("eight tabs are live over one stream", async () => {
    await Promise.all(pages.map((page) => page.goto(origin)));
    await Promise.all(pages.map((page) => page.locator(".dot.live").waitFor()));
    await news(all);
    assertEquals(streams(), 1);
    assertEquals(watched.faults(), []);
  });
  await suite.check(
    "each of the eight can ask and follow meanwhile, as far as connections go",
    async () => {
      await Promise.all(pages.map(async (page, at) => {
        await page.getByRole("link", { name: "Topics" }).click();
        await page.getByRole("link", { name: "clicks" }).click();
        await page.getByRole("link", { name: "Records", exact: true }).click();
        if (at % 2 === 0) await page.getByRole("button", { name: "Follow" }).click();
        else await page.getByText(/^[\d,]+ records of [\d,]+ looked at/).waitFor();
      }));
      const state = (at: number) => pages[at].getByText(/^Following|^Other tabs follow already/);
      await Promise.all([0, 2, 4, 6].map((at) => state(at).waitFor()));
      const follow = await Promise.all([0, 2, 4, 6].map((at) => state(at).innerText()));
      assertEquals(follow.filter((text) => text.startsWith("Following")).length, 3, follow.join());
      await Promise.all(pages.map((page) => page.getByRole("link", { name: "Overview" }).click()));
      await news(all);
      assertEquals(watched.faults(), []);
    },
  );
  await suite.check("when the tab that has the stream is closed another one has it", async () => {
    const before = streams();
    for (const at of [0, 1]) await pages[at].close();
    await news(all.slice(2));
    assert(streams() <= before + 2, `${streams() - before} streams were opened`);
    assertEquals(watched.faults(), []);
  });
  await suite.check(
    "while the broker is away what was shown stays; when it is back they are live",
    async () => {
      const left = pages.slice(2);
      await served.stop();
      await Promise.all(left.map((page) => page.getByText("Not connected").waitFor()));
      assert(await left[0].locator(".figure dd").first().innerText() !== "–");
      await served.start();
      await Promise.all(left.map((page) => page.locator(".dot.live").waitFor({ timeout: 60_000 })));
      assertEquals(watched.faults(/ERR_|Failed to fetch|50[34] \(/), []);
    },
  );
}
