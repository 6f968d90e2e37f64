/** Views: each by its address, light, dark and on a phone; what axe finds in it; and the way there and back. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Page } from "playwright-core";
import { mustBeAccessible } from "./accessible.ts";
import { type Look, until, Watched } from "./browser.ts";
import type { House } from "./console.ts";
import { HOSTILE } from "./served.ts";

/** What is there once the view is: a text of it. */
export const VIEWS: readonly (readonly [path: string, says: string])[] = [
  ["/", "Requests of the last minute"],
  ["/topics", "payments"],
  ["/topics/orders", "Read by"],
  ["/topics/orders?partition=1", "No producer has an id here"],
  ["/topics/payments/records?at=start", "that are no text"],
  ["/topics/orders/records?jsonpath=%24.total", "looked at"],
  ["/topics/orders/configs", "retention.ms"],
  ["/groups", "analytics"],
  ["/group?id=analytics", "Nobody is in it"],
  ["/group?id=billing", "RoundRobinAssigner"],
  [`/group?id=${encodeURIComponent(HOSTILE)}`, "onerror"],
  ["/clients", "shop"],
  ["/transactions", "payments-writer"],
  ["/transaction?id=payments-writer", "Ongoing"],
  ["/warnings", "Of the last hour"],
];

const LOOKS: Readonly<Record<string, Look>> = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark", timezoneId: "America/Sao_Paulo" },
  phone: { colorScheme: "dark", width: 360, height: 740, timezoneId: "Asia/Kolkata" },
};

export async function views({ suite, browser, served: { origin } }: House): Promise<void> {
  await Promise.all(
    Object.entries(LOOKS).map(async ([name, look]) => {
      await using watched = await Watched.open(browser, origin, look);
      const page = await watched.context.newPage();
      for (const [path, says] of VIEWS) {
        await suite.check(`${name}: ${path}`, async () => {
          await page.goto(`${origin}${path}`);
          await page.locator("main").getByText(says).filter({ visible: true }).first().waitFor();
          await page.locator(".dot.live").waitFor();
          assertEquals(await page.locator("h1").count(), 1);
          assertEquals(await page.getByRole("alert").allTextContents(), []);
          await mustBeAccessible(page);
          await mustFitAcross(page);
          assertEquals(watched.faults(), []);
        });
      }
    }),
  );
  await suite.check("there and back: by links, Back, Forward and a reload", async () => {
    await using watched = await Watched.open(browser, origin);
    const page = await watched.context.newPage();
    await page.goto(origin);
    let loads = 0;
    page.on("load", () => loads++);
    const title = async (text: string) =>
      await page.getByRole("heading", { name: text, level: 1 }).waitFor();
    for (const view of ["Topics", "Groups", "Clients", "Transactions", "Warnings"]) {
      await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: view })
        .click();
      await title(view);
      assertMatch(await page.title(), new RegExp(`^${view} . Runnel$`));
    }
    assertEquals(loads, 0, "a link within the console loads no page");
    await page.goBack();
    await title("Transactions");
    await page.goBack();
    await title("Clients");
    await page.goForward();
    await title("Transactions");
    await page.getByRole("link", { name: "Topics" }).click();
    await page.getByRole("link", { name: "orders" }).click();
    await page.getByRole("link", { name: "Records", exact: true }).click();
    await page.getByLabel("Key, value or header has").fill("Turku");
    await page.getByRole("button", { name: "Look", exact: true }).click();
    await page.getByText(/^\d+ records? of \d+ looked at/).waitFor();
    const seen = await page.locator("tbody tr").count();
    await page.reload();
    await page.getByText(/^\d+ records? of \d+ looked at/).waitFor();
    assertEquals(await page.getByLabel("Key, value or header has").inputValue(), "Turku");
    assertEquals(await page.locator("tbody tr").count(), seen);
    await page.goBack();
    const looksFor = page.getByLabel("Key, value or header has");
    await until(async () => await looksFor.inputValue() === "");
    assertEquals(watched.faults(), []);
  });
  await suite.check("a theme that was chosen stays, and plots are drawn in it", async () => {
    await using watched = await Watched.open(browser, origin, { colorScheme: "light" });
    const page = await watched.context.newPage();
    await page.goto(origin);
    await page.getByLabel("Theme").selectOption("dark");
    const back = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const dark = await back();
    await page.reload();
    await page.locator(".dot.live").waitFor();
    assertEquals(await back(), dark);
    await page.getByLabel("Theme").selectOption("system");
    assert(await back() !== dark);
    await page.emulateMedia({ colorScheme: "dark" });
    assertEquals(await back(), dark);
    assertEquals(watched.faults(), []);
  });
  await suite.check("what axe, the log and the policy would say is heard", async () => {
    await using watched = await Watched.open(browser, origin);
    const page = await watched.context.newPage();
    await page.goto(origin);
    await page.evaluate(`
      document.body.append(Object.assign(document.createElement("img"), { src: "http://127.0.0.2:9/x" }));
      document.body.insertAdjacentHTML("beforeend", "<p style='color: red' onclick='alert(1)'>x</p>");
    `);
    await assertRejects(() => mustBeAccessible(page), Error, "image-alt");
    const heard = watched.faults().join("\n");
    for (const one of [/policy: img-src/, /policy: style-src/, /policy: script-src/]) {
      assertMatch(heard, one);
    }
  });
  await suite.check("a view or topic that is not there is said, with the way back", async () => {
    await using watched = await Watched.open(browser, origin);
    const page = await watched.context.newPage();
    await page.goto(`${origin}/topics/not-there`);
    await page.getByRole("alert").getByText("not-there").waitFor();
    await mustBeAccessible(page);
    assertEquals(watched.faults(/404 \(Not Found\)/), []);
    const nowhere = await fetch(`${origin}/nowhere`);
    assertEquals([nowhere.status, (await nowhere.json()).error.code], [404, "not_found"]);
  });
}

/** Tables move within their own edge: the page itself is as wide as the screen. */
async function mustFitAcross(page: Page): Promise<void> {
  const [is, may] = await page.evaluate<[number, number]>(
    "[document.documentElement.scrollWidth, document.documentElement.clientWidth]",
  );
  assert(is <= may, `the page is ${is} px wide, the screen ${may}`);
}
