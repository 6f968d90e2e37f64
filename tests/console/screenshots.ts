/** Screenshots: the pictures of docs/console.md, made of the same broker, once its plots have something to show. */
import type { Page } from "playwright-core";
import { type Look, Watched } from "./browser.ts";
import type { House } from "./console.ts";
import { load, wait } from "./served.ts";

const SOON_MS = 150_000, QUALITY = 82;

interface Picture {
  readonly name: string;
  readonly path: string;
  readonly look: Look;
  /** What is done before; and until it can be seen. */
  readonly before: (page: Page) => Promise<void>;
}

const light: Look = { colorScheme: "light", width: 1280, height: 860 };
const dark: Look = { colorScheme: "dark", width: 1280, height: 860 };
const phone: Look = { colorScheme: "light", width: 390, height: 780 };
const open = async (page: Page) => {
  await page.locator("tbody button[aria-expanded]").first().click();
  await page.locator("tr.open").getByText('"customer"').waitFor();
};
const live = async (page: Page) => {
  await page.locator(".legend").first().getByText(/:/).waitFor();
};

const PICTURES: readonly Picture[] = [
  { name: "console-overview", path: "/", look: light, before: live },
  { name: "console-overview-dark", path: "/", look: dark, before: live },
  {
    name: "console-records",
    path: "/topics/orders/records?jsonpath=%24.lines%5B1%5D",
    look: { ...light, height: 1000 },
    before: open,
  },
  {
    name: "console-group-dark",
    path: "/group?id=analytics",
    look: dark,
    before: async (page) => {
      await page.getByRole("button", { name: "Reset offsets" }).click();
      await page.getByRole("button", { name: "Show what would be" }).click();
      await page.getByText("again").first().waitFor();
    },
  },
  { name: "console-overview-phone", path: "/", look: phone, before: live },
  {
    name: "console-records-phone",
    path: "/topics/orders/records?partitions=1",
    look: { ...phone, colorScheme: "dark" },
    before: open,
  },
];

export async function screenshots(
  { browser, program, served: { origin, kafka } }: House,
  folder: string,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await using stack = new AsyncDisposableStack();
  // Somebody reads what is produced, and for a while more is.
  const reader = new Deno.Command(program, {
    args: ["bench", "consume", "clicks", "--from", "end", "--for", "30m", "--bootstrap", kafka],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  stack.defer(async () => {
    reader.kill("SIGKILL");
    await reader.status;
  });
  await wait(SOON_MS / 3);
  {
    await using _ = load(program, kafka, "clicks", 1500);
    await wait(SOON_MS / 3);
  }
  await wait(SOON_MS / 3);
  for (const { name, path, look, before } of PICTURES) {
    await using watched = await Watched.open(browser, origin, look);
    const page = await watched.context.newPage();
    await page.goto(`${origin}${path}`);
    await page.locator(".dot.live").waitFor();
    await before(page);
    await page.waitForTimeout(500);
    const inspector = await watched.context.newCDPSession(page);
    const { data } = await inspector.send("Page.captureScreenshot", {
      format: "webp",
      quality: QUALITY,
    });
    const bytes = Uint8Array.fromBase64(data), file = `${folder}/${name}.webp`;
    await Deno.writeFile(file, bytes);
    console.log(`${file}: ${(bytes.length / 1024).toFixed(0)} KiB`);
  }
}
