/** Keyboard: a topic is created, looked into and filled, and a group reset, by keys alone. */
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { Watched } from "./browser.ts";
import type { House } from "./console.ts";
import { asked } from "./served.ts";

const MAX_TABS = 80;

export async function keyboard({ suite, browser, served: { origin } }: House): Promise<void> {
  await using watched = await Watched.open(browser, origin);
  const page = await watched.context.newPage();
  await page.goto(origin);
  const keys = page.keyboard;
  await suite.check("by keys alone: a topic is created", async () => {
    await page.locator(".dot.live").waitFor();
    await keys.press("Tab");
    assertEquals(await focused(page), "Skip to what is shown");
    await tabTo(page, "Topics");
    await keys.press("Enter");
    await page.getByRole("heading", { name: "Topics", level: 1 }).waitFor();
    await tabTo(page, "Create a topic");
    await keys.press("Enter");
    await page.getByRole("dialog").waitFor();
    await keys.type("by-keys");
    await keys.press("Enter");
    await page.getByRole("heading", { name: "by-keys", level: 1 }).waitFor();
    assertEquals((await asked(origin, "topics/by-keys")).name, "by-keys");
    assertEquals(watched.faults(), []);
  });
  await suite.check("by keys alone: records are looked for, and one is opened", async () => {
    await tabTo(page, "Topics");
    await keys.press("Enter");
    await page.getByRole("heading", { name: "Topics", level: 1 }).waitFor();
    await keys.press("/");
    await keys.type("order");
    await page.waitForURL(/q=order/);
    await page.getByRole("link", { name: "payments" }).waitFor({ state: "detached" });
    await tabTo(page, "orders");
    await keys.press("Enter");
    await page.getByRole("heading", { name: "orders", level: 1 }).waitFor();
    await tabTo(page, "Records");
    await keys.press("Enter");
    await page.getByLabel("Key, value or header has").waitFor();
    await keys.press("/");
    await keys.type("Lisboa");
    await keys.press("Enter");
    await page.getByText(/^[\d,]+ records of [\d,]+ looked at/).waitFor();
    await tabTo(page, /^. \d+$/);
    await keys.press("Enter");
    await page.locator("tr.open").getByText('"Lisboa"').waitFor();
    assertEquals(watched.faults(), []);
  });
  await suite.check("by keys alone: a group is reset after its preview", async () => {
    const committed = async () => (await asked(origin, "group?id=analytics")).offsets[1].committed;
    await tabTo(page, "Groups", "Shift+Tab");
    await keys.press("Enter");
    await page.getByRole("link", { name: "analytics" }).waitFor();
    await tabTo(page, "analytics");
    await keys.press("Enter");
    await page.getByRole("heading", { name: "analytics", level: 1 }).waitFor();
    await tabTo(page, "Reset offsets");
    await keys.press("Enter");
    await page.getByRole("dialog").waitFor();
    await tabTo(page, /^To\b/);
    await keys.type("The end");
    await tabTo(page, "Show what would be");
    await keys.press("Enter");
    await page.getByRole("dialog").getByText("skipped").first().waitFor();
    const before = await committed();
    await tabTo(page, "Reset");
    await keys.press("Enter");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assertEquals(await focused(page), "Reset offsets", "the focus comes back to what opened it");
    assert(await committed() > before);
    assertEquals(watched.faults(), []);
  });
}

/** Goes on with Tab until what has the focus is called so, which must be seen to have it. */
async function tabTo(page: Page, name: string | RegExp, key = "Tab"): Promise<void> {
  const seen: string[] = [];
  for (let tab = 0; tab < MAX_TABS; tab++) {
    const at = await focused(page);
    if (typeof name === "string" ? at === name : name.test(at)) {
      const outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle");
      assert(outline !== "none", `${at} does not show that it has the focus`);
      return;
    }
    seen.push(at);
    await page.keyboard.press(key);
  }
  throw new Error(`${key} does not lead to ${name}, but to ${seen.join(" | ")}`);
}

/** What a button or link says, what a field is called. */
async function focused(page: Page): Promise<string> {
  return await page.evaluate(`(() => {
    const at = document.activeElement;
    return (at.labels?.[0]?.innerText ?? at.getAttribute("aria-label") ?? at.innerText ?? "").trim().replace(/\\s+/g, " ");
  })()`);
}
