/** Records: browsed, looked for, opened, saved, copied and followed. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { mustBeAccessible } from "./accessible.ts";
import { until, Watched } from "./browser.ts";
import type { House } from "./console.ts";
import { asked } from "./served.ts";

export async function records({ suite, browser, program, served }: House): Promise<void> {
  const { origin, kafka } = served, address = `${origin}/topics/orders/records`;
  await using watched = await Watched.open(browser, origin, { timezoneId: "America/Sao_Paulo" });
  const page = await watched.context.newPage();
  const button = (name: string) => page.getByRole("button", { name, exact: true });
  const rows = page.locator("tbody > tr:not(.open)");
  const said = page.getByText(/^[\d,]+ records? of [\d,]+ looked at/);
  const look = async () => {
    await button("Look").click();
    await page.getByText("Looking…").waitFor({ state: "detached" });
    await said.waitFor();
    return Number((await said.textContent())!.split(" ")[0].replaceAll(",", ""));
  };
  await suite.check("every filter finds what has it, and nothing else", async () => {
    const filters: readonly (readonly [label: string, text: string, found: number])[] = [
      ["Key, value or header has", "customer-3", 14],
      ["Key has", "customer-16", 14],
      ["Value has", '"city":"Turku"', 48],
      ["Header, as name", "trace=00-0000001f", 1],
      ["Value, as a regular expression", '"total":1\\d\\.25,', 2],
      ["Value, as a JSONPath", "$.lines[2].sku", 50],
      ["Partitions", "1", 50],
    ];
    await page.goto(address);
    await page.getByText("More filters").click();
    for (const [label, text, found] of filters) {
      const field = page.getByLabel(label);
      await field.fill(text);
      assertEquals(await look(), found, label);
      assertEquals(await rows.count(), found);
      await field.fill("");
    }
    assertEquals(watched.faults(), []);
  });
  await suite.check("a filter that costs too much, or is none, is refused in words", async () => {
    await page.goto(`${address}?regex=${encodeURIComponent("a(?=b)")}`);
    await page.getByRole("alert").waitFor();
    await page.goto(`${address}?jsonpath=${encodeURIComponent("$.[")}`);
    await page.getByRole("alert").waitFor();
    await mustBeAccessible(page);
    assertEquals(watched.faults(/400 \(Bad Request\)/), []);
  });
  await suite.check(
    "one begins where one wants: at the oldest, an offset, a time, and goes on",
    async () => {
      await page.goto(`${address}?partitions=0`);
      const from = page.getByLabel("From"), first = rows.first().locator("th");
      await from.selectOption("start");
      await look();
      assertMatch(await first.innerText(), /\b0$/);
      await from.selectOption("offset");
      await page.getByLabel("Offset", { exact: true }).fill("17");
      await look();
      assertMatch(await first.innerText(), /\b17$/);
      const [{ timestampMs }] =
        (await asked(origin, "topics/orders/records?partitions=0&at=offset:30&limit=1")).records;
      await from.selectOption("time");
      const local = new Date(timestampMs - 3 * 3_600_000).toISOString().slice(0, 19);
      await page.getByLabel("Time (America/Sao_Paulo)").fill(local);
      await look();
      assertMatch(await first.innerText(), /\b30$/);
      await page.goto(address);
      await said.waitFor();
      const [newest] = await rows.allInnerTexts();
      await button("More").click();
      await page.waitForURL(/at=/);
      await page.getByText("Looking…").waitFor({ state: "detached" });
      await rows.first().waitFor();
      assert((await rows.allInnerTexts())[0] !== newest);
      assertEquals(watched.faults(), []);
    },
  );
  await suite.check(
    "one record: its JSON exact, its bytes in hex, its time in both zones",
    async () => {
      await page.goto(`${address}?partitions=0&at=offset:0`);
      await rows.first().getByRole("button").click();
      const opened = page.locator("tr.open");
      await opened.getByText(/^900719925474\d+$/).waitFor();
      await opened.getByText(/ UTC$/).waitFor();
      await mustBeAccessible(page);
      const value = opened.getByRole("region", { name: "Value" });
      await value.getByRole("button", { name: "Hex" }).click();
      await value.getByText(/^00000000 {2}7b 22 69 64/).waitFor();
      await value.getByRole("button", { name: "Text" }).click();
      await value.getByText(/^\{"id":9007/).waitFor();
      assertEquals(watched.faults(), []);
    },
  );
  await suite.check("the command that is copied sends the same record, in a shell", async () => {
    const opened = page.locator("tr.open");
    await opened.getByRole("button", { name: "Copy as a command" }).click();
    await opened.getByText("Copied").waitFor();
    const command: string = await page.evaluate("navigator.clipboard.readText()");
    await opened.getByRole("button", { name: "Show the command" }).click();
    assertEquals(await opened.locator("pre.command").textContent(), command);
    const { code, stderr } = await new Deno.Command("bash", {
      args: ["-c", `runnel() { "$PROGRAM" "$@"; }; ${command}`],
      env: { PROGRAM: program, RUNNEL_BOOTSTRAP: kafka, NO_COLOR: "1" },
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const [first] =
      (await asked(origin, "topics/orders/records?partitions=0&at=offset:0&limit=1")).records;
    const { records } = await asked(origin, "topics/orders/records?partitions=0&limit=1");
    const of = ({ key, value, headers }: typeof first) => [key, value, headers];
    assertEquals(of(records[0]), of(first));
    assertEquals(watched.faults(), []);
  });
  await suite.check(
    "what is shown is saved, as JSON and as CSV, and a value by itself",
    async () => {
      await page.goto(`${address}?text=customer-3&at=start`);
      await said.waitFor();
      const saved = async (name: string): Promise<[string, string]> => {
        const [download] = await Promise.all([
          page.waitForEvent("download"),
          page.getByRole("link", { name }).click(),
        ]);
        return [download.suggestedFilename(), await Deno.readTextFile(await download.path())];
      };
      const found =
        (await asked(origin, "topics/orders/records?text=customer-3&at=start")).records.length;
      const [name, json] = await saved("Save as JSON");
      assertMatch(name, /orders.*json/);
      const lines = json.trimEnd().split("\n");
      assertEquals([lines.length, JSON.parse(lines[0]).key], [found, "customer-3"]);
      const [table, csv] = await saved("Save as CSV");
      assertMatch(table, /orders.*\.csv$/);
      assertEquals(csv.split(/\r?\n(?=\d+,)/).length, found + 1);
      await rows.first().getByRole("button").click();
      assertMatch((await saved("Save the value"))[1], /^\{"id":9007/);
      assertEquals(watched.faults(), []);
    },
  );
  await suite.check("records are followed as they come, under load, until one stops", async () => {
    await page.goto(`${origin}/topics/clicks/records`);
    await button("Follow").click();
    const state = page.getByText(/^Following, [\d,]+ records so far/);
    await state.waitFor();
    const count = async () =>
      Number(/, ([\d,]+) record/.exec((await state.textContent())!)![1].replaceAll(",", ""));
    const before = await count(), beganMs = performance.now();
    // A second's worth, which comes later on a machine that has other work too.
    await until(async () => await count() - before > 1000);
    const come = await count() - before, seconds = (performance.now() - beganMs) / 1000;
    assertEquals(await rows.count(), 200);
    await mustBeAccessible(page);
    await button("Follow").click();
    await said.waitFor();
    assertEquals(watched.faults(), []);
    return `${come} in ${seconds.toFixed(1)} s`;
  });
}
