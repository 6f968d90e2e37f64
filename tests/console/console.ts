/**
 * The console in a browser: every view and every action, in Debian's Chromium by playwright-core, of an executable whose
 * brokers have a steady load: tests/console/console.ts RUNNEL [--screenshots=FOLDER]
 *
 * Whatever is done, no page may log an error, break its own policy (CSP), ask another host or open a dialog; axe must
 * find nothing in any view. With --screenshots the pictures of docs/console.md are made again, which takes two minutes
 * more. CHROMIUM is another browser than /usr/bin/chromium, ONLY a pattern of the parts.
 */
import type { Browser } from "playwright-core";
import { Suite } from "../clients/checks.ts";
import { actions } from "./actions.ts";
import { openBrowser } from "./browser.ts";
import { keyboard } from "./keyboard.ts";
import { paint } from "./paint.ts";
import { records } from "./records.ts";
import { rights } from "./rights.ts";
import { screenshots } from "./screenshots.ts";
import { furnish, load, serve, type Served } from "./served.ts";
import { tabs } from "./tabs.ts";
import { views } from "./views.ts";

/** What the parts share. */
export interface House {
  readonly suite: Suite;
  readonly browser: Browser;
  readonly program: string;
  /** Changes are allowed, nobody is asked who they are, and there is what `furnish` brings. */
  readonly served: Served;
}

const [program, ...flags] = Deno.args;
if (program === undefined) {
  throw new Error("Usage: tests/console/console.ts RUNNEL [--screenshots=FOLDER]");
}
const folder = flags.find((flag) => flag.startsWith("--screenshots="))?.split("=")[1];
const only = new RegExp(Deno.env.get("ONLY") ?? "");
/** Those below each other share a broker, those beside each other have their own. */
const ROWS: readonly (readonly ((house: House) => Promise<void>)[])[] = [
  [views, records, actions, keyboard],
  [rights],
  [tabs],
];

const suite = new Suite("console");
const stack = new AsyncDisposableStack();
try {
  const served = stack.use(await serve(program, { flags: ["--console-write"] }));
  stack.use(load(program, served.kafka, "clicks", 1000));
  const [furniture, browser] = await Promise.all([furnish(served), openBrowser()]);
  stack.use(furniture);
  stack.defer(() => browser.close());
  const house: House = { suite, browser, program, served };
  const run = async (part: (house: House) => Promise<void>) => {
    if (folder === undefined && only.test(part.name)) await part(house);
  };
  await Promise.all(ROWS.map(async (row) => {
    for (const part of row) await run(part);
  }));
  // What is measured is measured alone.
  await run(paint);
  if (folder !== undefined) {
    await suite.check("pictures are made", () => screenshots(house, folder), 600_000);
  }
} finally {
  await stack.disposeAsync();
}
suite.finish();
