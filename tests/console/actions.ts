/** Actions: what the console changes of topics and groups, by the mouse, and what the broker has of it afterwards. */
import { assertEquals, assertMatch } from "@std/assert";
import { mustBeAccessible } from "./accessible.ts";
import { Watched } from "./browser.ts";
import type { House } from "./console.ts";
import { asked } from "./served.ts";

interface Offset {
  readonly partition: number;
  readonly committed: number | null;
}

export async function actions({ suite, browser, served: { origin } }: House): Promise<void> {
  await using watched = await Watched.open(browser, origin);
  const page = await watched.context.newPage();
  const dialog = page.getByRole("dialog");
  const button = (name: string) => page.getByRole("button", { name, exact: true });
  const verb = (name: string) => dialog.getByRole("button", { name, exact: true });
  await suite.check(
    "a topic is created, and one whose name is wrong is refused in words",
    async () => {
      await page.goto(`${origin}/topics`);
      await button("Create a topic").click();
      await dialog.getByLabel("Name").fill("not/a name");
      await mustBeAccessible(page);
      await verb("Create").click();
      await dialog.getByRole("alert").getByText("not/a name").waitFor();
      await dialog.getByLabel("Name").fill("made");
      await dialog.getByLabel("Partitions").fill("2");
      await dialog.getByLabel("What becomes of old records").selectOption("compact");
      await verb("Create").click();
      await page.getByRole("heading", { name: "made", level: 1 }).waitFor();
      const { partitions, cleanupPolicy } = await asked(origin, "topics/made");
      assertEquals([partitions, cleanupPolicy], [2, "compact"]);
      assertEquals(watched.faults(/400 \(Bad Request\)/), []);
    },
  );
  await suite.check("partitions are added, never fewer", async () => {
    await button("Add partitions").click();
    await dialog.getByLabel("How many").fill("2");
    assertEquals(await verb("Add").isDisabled(), true);
    await dialog.getByLabel("How many").fill("5");
    await verb("Add").click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("table").getByRole("link", { name: /^4/ }).waitFor();
    assertEquals((await asked(origin, "topics/made")).partitions, 5);
    assertEquals(watched.faults(), []);
  });
  await suite.check("a config is checked before it is set, and taken back", async () => {
    await page.getByRole("link", { name: "Configs" }).click();
    const of = async () => {
      const all: { name: string; value: string; source: string }[] = await asked(
        origin,
        "topics/made/configs",
      );
      const { value, source } = all.find(({ name }) => name === "max.message.bytes")!;
      return [value, source];
    };
    const before = await of();
    await page.getByRole("searchbox", { name: "Search configs" }).fill("max.message");
    await page.getByRole("button", { name: "Edit max.message.bytes" }).click();
    await dialog.getByLabel("Value").fill("many");
    await mustBeAccessible(page);
    await verb("Check").click();
    await dialog.getByRole("alert").getByText("many").waitFor();
    await dialog.getByLabel("Value").fill("2000000");
    await verb("Check").click();
    await dialog.getByText("Nothing is set yet").waitFor();
    assertEquals(await of(), before);
    await verb("Set").click();
    await dialog.waitFor({ state: "detached" });
    await page.getByText("this topic").filter({ visible: true }).waitFor();
    assertEquals(await of(), ["2000000", "topic"]);
    await page.getByRole("button", { name: "Edit max.message.bytes" }).click();
    await dialog.getByLabel("Take back").check();
    await verb("Check").click();
    await verb("Set").click();
    await dialog.waitFor({ state: "detached" });
    assertEquals(await of(), before);
    assertEquals(watched.faults(/400 \(Bad Request\)/), []);
  });
  await suite.check("a record is published by hand, and shown where it went", async () => {
    await button("Publish a record").click();
    await dialog.getByLabel("Key", { exact: true }).fill("k <b>1</b>");
    await dialog.getByLabel("Value", { exact: true }).fill('{"big": 12345678901234567890}');
    await verb("Add a header").click();
    await dialog.getByLabel("Name of header 1").fill("from");
    await dialog.getByLabel("Value of header 1").fill("a hand");
    await mustBeAccessible(page);
    await verb("Publish").click();
    await page.locator("tbody button[aria-expanded]").first().click();
    await page.getByText("12345678901234567890").last().waitFor();
    await page.getByText("k <b>1</b>").first().waitFor();
    assertMatch(page.url(), /partitions=\d&at=offset%3A0$/);
    const { records } = await asked(origin, "topics/made/records");
    assertEquals(records.map((one: { key: { text: string } }) => one.key.text), ["k <b>1</b>"]);
    assertEquals(watched.faults(), []);
  });
  await suite.check("a topic is deleted once its name is typed, not before", async () => {
    await page.goto(`${origin}/topics/made`);
    await button("Delete").click();
    assertEquals(await verb("Delete").isDisabled(), true);
    await dialog.getByLabel("Type").fill("mad");
    assertEquals(await verb("Delete").isDisabled(), true);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assertEquals((await asked(origin, "topics/made")).name, "made");
    await button("Delete").click();
    await dialog.getByLabel("Type").fill("made");
    await mustBeAccessible(page);
    await verb("Delete").click();
    await page.getByRole("heading", { name: "Topics", level: 1 }).waitFor();
    await page.getByRole("link", { name: "orders" }).waitFor();
    const { items } = await asked(origin, "topics?q=made");
    assertEquals(items, []);
    assertEquals(watched.faults(), []);
  });
  await suite.check("a group's offsets are reset as the preview said", async () => {
    const offsets = async (): Promise<[number, number | null][]> =>
      (await asked(origin, "group?id=analytics")).offsets
        .map(({ partition, committed }: Offset) => [partition, committed]);
    await page.goto(`${origin}/group?id=analytics`);
    await button("Reset offsets").click();
    await dialog.locator("select").selectOption("shift");
    await dialog.getByLabel("How many").fill("-5");
    await dialog.getByLabel("Partitions").fill("0,2");
    await verb("Show what would be").click();
    await dialog.getByText("5 again").first().waitFor();
    await mustBeAccessible(page);
    assertEquals(await offsets(), [[0, 20], [1, 20], [2, 20]]);
    await verb("Reset").click();
    await dialog.waitFor({ state: "detached" });
    assertEquals(await offsets(), [[0, 15], [1, 20], [2, 15]]);
    await page.getByRole("cell", { name: "15", exact: true }).first().waitFor();
    assertEquals(watched.faults(), []);
  });
  await suite.check("a group that has members is not reset, and the reason is said", async () => {
    await page.goto(`${origin}/group?id=billing`);
    await button("Reset offsets").click();
    await dialog.getByText("It has members").waitFor();
    await verb("Show what would be").click();
    await dialog.getByRole("alert").or(verb("Reset")).waitFor();
    if (await verb("Reset").isVisible()) await verb("Reset").click();
    await dialog.getByRole("alert").waitFor();
    await verb("Cancel").click();
    assertEquals(watched.faults(/40\d \(/), []);
  });
  await suite.check("a group is deleted once its name is typed", async () => {
    await page.goto(`${origin}/group?id=reports`);
    await button("Delete").click();
    await dialog.getByLabel("Type").fill("reports");
    await verb("Delete").click();
    await page.getByRole("heading", { name: "Groups", level: 1 }).waitFor();
    assertEquals((await asked(origin, "groups?q=reports")).items, []);
    assertEquals(watched.faults(), []);
  });
}
