/**
 * The whole front end in a DOM without a browser, with a broker whose every name is hostile: each view is walked to, and
 * looked through for what would be markup, for what axe finds, and for what it has to say.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Window } from "happy-dom";
import { API_PATH } from "../api.ts";
import { ANSWERS, FOLLOWED, HOSTILE, LIVE } from "../../testing/hostile_console.ts";

const asked: {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly header: string | null;
}[] = [];
/** How many streams there are. */
let streams = 0;
const page = new Window({
  url: "http://localhost:8080/runnel/",
  width: 1280,
  height: 800,
  settings: { disableJavaScriptEvaluation: true },
});
const { document } = page;
document.write(
  `<!doctype html><html lang="en"><head><base href="/runnel/"></head><body><div id="console"></div></body></html>`,
);
give();
await import("./main.tsx");
// It looks for the page among the global names when it comes.
const { default: axe } = await import("axe-core");

// Timers of the views go on as long as the page does.
const options = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  { ...options, name: "every view shows what is there, and hostile names are text in it" },
  async (test) => {
    const name = encodeURIComponent(HOSTILE);
    const views: readonly (readonly [path: string, title: string, ...says: string[]])[] = [
      ["/", "Overview", "Full in 3 d", "Produce", "1.5 MiB/s"],
      ["/topics", "Topics", "orders", "7 d", "1 in all"],
      ["/topics/orders", "orders", "9,007,199,254,740,991", "served"],
      [
        "/topics/orders?partition=0",
        "orders",
        "Partition 0",
        "written to",
        "open since offset 250",
      ],
      ["/topics/orders/configs", "orders", "cleanup.policy", "the default"],
      ["/topics/orders/records?at=start", "orders", "2 records of 12 looked at"],
      ["/groups", "Groups", "Stable"],
      [`/group?id=${name}`, "", "Reset offsets", "It waits for a member"],
      ["/clients", "Clients", "librdkafka"],
      ["/transactions", "Transactions", "Ongoing"],
      [`/transaction?id=${name}`, "", "orders"],
      ["/warnings", "Warnings", "disk_low"],
      ["/nothing", "There is nothing here"],
    ];
    for (const [path, title, ...says] of views) {
      await test.step(path, async () => {
        await goTo(path);
        const text = document.body.textContent, headings = all("h1");
        assertEquals(headings.length, 1, text);
        assertStringIncludes(headings[0].textContent, title);
        for (const one of says) assertStringIncludes(text, one);
        mustBeText();
        await mustBeAccessible();
        assertEquals(document.querySelectorAll('[role="alert"]').length, 0, text);
      });
    }
  },
);

Deno.test({
  ...options,
  name: "a record opens below its row, with its JSON exact and its command quoted",
}, async () => {
  await goTo("/topics/orders/records?at=start");
  for (const button of all<HTMLButtonElement>("tbody button[aria-expanded='false']")) {
    button.click();
  }
  await turns();
  all<HTMLButtonElement>("tbody button[aria-expanded]").find((one) =>
    one.textContent.includes("41")
  )!.click();
  await turns();
  const opened = document.querySelector("tr.open")!.textContent;
  assertStringIncludes(opened, "9007199254740993");
  press("Show the command");
  await turns();
  assertStringIncludes(document.querySelector("pre.command")!.textContent, "printf '%s\\n' '{");
  mustBeText();
  await mustBeAccessible();
});

Deno.test(
  { ...options, name: "what one looks for is in the address, and asked of the broker" },
  async () => {
    await goTo("/topics/orders/records");
    await write("Key, value or header has", "a&b=<c>");
    press("Look");
    await turns();
    assertEquals(new URLSearchParams(page.location.search).get("text"), "a&b=<c>");
    assertStringIncludes(asked.at(-1)!.path, "text=a%26b%3D%3Cc%3E");
  },
);

Deno.test({
  ...options,
  name: "a topic is created by the keyboard's way: a form, its header, and the view of it",
}, async () => {
  await goTo("/topics");
  press("Create a topic");
  await turns();
  assert(document.querySelector("dialog")!.hasAttribute("open"));
  await mustBeAccessible();
  await write("Name: letters", "orders");
  press("Create");
  await turns();
  const change = asked.findLast(({ method }) => method === "POST")!;
  assertEquals([change.path, change.body, change.header], ["topics", { name: "orders" }, "1"]);
  assertEquals(page.location.pathname, "/runnel/topics/orders");
});

Deno.test({ ...options, name: "nothing is deleted before its name is typed" }, async () => {
  await goTo("/topics/orders");
  press("Delete");
  await turns();
  const button = () => all<HTMLButtonElement>("dialog button[type='submit']")[0];
  assertEquals(button().disabled, true);
  await write("Type", "order");
  assertEquals(button().disabled, true);
  await write("Type", "orders");
  assertEquals(button().disabled, false);
  press("Delete", "dialog button[type='submit']");
  await turns();
  const { path, body } = asked.findLast(({ method }) => method === "POST")!;
  assertEquals([path, body], ["topics/orders/delete", { confirm: "orders" }]);
});

Deno.test({ ...options, name: "a reset is seen before it is done" }, async () => {
  await goTo(`/group?id=${encodeURIComponent(HOSTILE)}`);
  press("Reset offsets");
  await turns();
  await mustBeAccessible();
  press("Show what would be");
  await turns();
  assertStringIncludes(document.querySelector("dialog")!.textContent, "5 again");
  press("Reset", "dialog button[type='submit']");
  await turns();
  const [preview, done] = asked.filter(({ method }) => method === "POST").slice(-2);
  assertEquals(
    preview.path,
    `group/offsets?id=${new URLSearchParams({ id: HOSTILE }).toString().slice(3)}`,
  );
  const seen = [{ partition: 0, before: 5, after: 0 }];
  assertEquals([preview.body, done.body], [
    { topic: "orders", to: { kind: "start" }, preview: true },
    { topic: "orders", to: { kind: "start" }, preview: false, seen },
  ]);
});

Deno.test(
  { ...options, name: "what the broker refuses is said, and the dialog stays" },
  async () => {
    await goTo("/topics/orders");
    press("Add partitions");
    await turns();
    press("Add", "dialog button[type='submit']");
    await turns();
    assertStringIncludes(
      document.querySelector('dialog [role="alert"]')!.textContent,
      "It may not grow <b>",
    );
    mustBeText();
    press("Cancel");
  },
);

Deno.test(
  { ...options, name: "/ leads to the search, and a link to its view" },
  async () => {
    await goTo("/groups");
    document.body.dispatchEvent(new page.KeyboardEvent("keydown", { key: "/", bubbles: true }));
    assertEquals(document.activeElement!.id, "search");
    const link = all<HTMLAnchorElement>("nav.views a").find((one) =>
      one.textContent === "Clients"
    )!;
    link.click();
    await turns();
    assertEquals([page.location.pathname, document.querySelector("h1")!.textContent], [
      "/runnel/clients",
      "Clients",
    ]);
    assertEquals(all("nav.views [aria-current]").map((one) => one.textContent), ["Clients"]);
    assertEquals(document.title, "Clients \u2013 Runnel");
  },
);

Deno.test(
  { ...options, name: "what is typed into a search is asked once, and is in the address" },
  async () => {
    await goTo("/topics");
    const before = asked.length,
      search = document.querySelector("#search") as unknown as HTMLInputElement;
    for (const text of ["o", "or", "ord"]) {
      search.value = text;
      search.dispatchEvent(new page.Event("input", { bubbles: true }) as unknown as Event);
    }
    await until(() => page.location.search === "?q=ord");
    await turns();
    const { path } = asked.at(-1)!;
    assertEquals([asked.length - before, path], [1, "topics?q=ord&limit=100"]);
    assertEquals(search.value, "ord");
  },
);

Deno.test(
  { ...options, name: "records are followed as they come, until one does not want to" },
  async () => {
    await goTo("/topics/orders/records?at=start&key=a");
    press("Follow");
    await until(() => document.body.textContent.includes("7 left out"));
    assertStringIncludes(document.body.textContent, "Following, 1 record so far");
    const { path } = asked.findLast(({ path }) => path.includes("/follow"))!;
    assertEquals(path, "topics/orders/records/follow?key=a&at=end");
    assertEquals(streams, 2);
    mustBeText();
    press("Follow");
    await until(() => streams === 1);
    assertStringIncludes(document.body.textContent, "2 records of 12 looked at");
  },
);

Deno.test({ ...options, name: "a config is checked before it is set" }, async () => {
  await goTo("/topics/orders/configs");
  all<HTMLButtonElement>("tbody button")[0].click();
  await turns();
  await mustBeAccessible();
  await write("Value (list)", "compact");
  press("Check");
  await turns();
  assertStringIncludes(document.querySelector("dialog")!.textContent, "Nothing is set yet");
  press("Set");
  await turns();
  const bodies = asked.filter(({ method }) => method === "POST").slice(-2).map(({ body }) => body);
  assertEquals(
    bodies,
    [true, false].map((validateOnly) => ({
      configs: { "cleanup.policy": "compact" },
      validateOnly,
    })),
  );
  assertEquals(document.querySelector("dialog"), null);
});

Deno.test(
  { ...options, name: "a record is published by hand, and shown where it went" },
  async () => {
    await goTo("/topics/orders");
    press("Publish a record");
    await turns();
    press("Add a header");
    await turns();
    await mustBeAccessible();
    await write("Key", "17");
    press("Publish");
    await turns();
    const { path, body } = asked.findLast(({ method }) => method === "POST")!;
    assertEquals(path, "topics/orders/records");
    const utf8 = (text: string) => ({ encoding: "utf8", text });
    assertEquals(body, {
      key: utf8("17"),
      value: utf8(""),
      headers: [{ key: "", value: utf8("") }],
    });
    assertEquals(page.location.search, "?partitions=1&at=offset%3A44");
  },
);

Deno.test(
  { ...options, name: "the theme is as the system has it, until one chooses" },
  async () => {
    const root = document.documentElement;
    assertEquals(root.hasAttribute("data-theme"), false);
    const select = document.querySelector(".foot select") as unknown as HTMLSelectElement;
    for (const theme of ["dark", "light", "system"]) {
      select.value = theme;
      select.dispatchEvent(new page.Event("change", { bubbles: true }) as unknown as Event);
      await turns();
      assertEquals(root.getAttribute("data-theme"), theme === "system" ? null : theme);
      assertEquals(
        page.localStorage.getItem("runnel-console-theme"),
        theme === "system" ? null : theme,
      );
    }
  },
);

/** What there is of the broker is neither an element nor an attribute that does something. */
function mustBeText(): void {
  assertEquals(all("img, script, iframe, object, embed, style, b").map((one) => one.outerHTML), []);
  for (const element of all("*")) {
    for (const { name, value } of element.attributes) {
      assert(!name.startsWith("on"), element.outerHTML);
      if (name === "href") {
        assert(value.startsWith("/runnel/") || value === "#main", element.outerHTML);
      }
    }
  }
  assert(
    !/[\u202a-\u202e\u2066-\u2069]/.test(document.body.textContent),
    "something turns the writing",
  );
}

/** Whoever hears the page, or has only keys, can use it: as far as axe can tell without a screen. */
async function mustBeAccessible(): Promise<void> {
  const { violations } = await axe.run(document.documentElement as unknown as Element, {
    selectors: false,
    // Nothing is painted here: contrasts are the palette's test.
    rules: { "color-contrast": { enabled: false }, "css-orientation-lock": { enabled: false } },
  });
  assertEquals(violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]), []);
}

function all<T extends Element = HTMLElement>(selector: string): T[] {
  return [...document.querySelectorAll(selector)] as unknown as T[];
}

function press(label: string, selector = "button"): void {
  const button = all<HTMLButtonElement>(selector).find((one) => one.textContent.trim() === label);
  if (button === undefined) throw new Error(`no button says ${label}`);
  button.click();
}

async function write(label: string, text: string): Promise<void> {
  const field = all("label").find((one) => one.textContent.startsWith(label))?.querySelector(
    "input",
  );
  if (!field) throw new Error(`no field is called ${label}`);
  field.value = text;
  field.dispatchEvent(new page.Event("input", { bubbles: true }) as unknown as Event);
  await turns();
}

async function goTo(path: string): Promise<void> {
  page.history.pushState({}, "", `/runnel${path}`);
  page.dispatchEvent(new page.PopStateEvent("popstate"));
  await turns();
}

/** Until what was asked for is there and shown. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function until(isSo: () => boolean): Promise<void> {
  for (let round = 0; !isSo(); round++) {
    if (round > 200) throw new Error(document.body.textContent);
    await turns();
  }
}

function stream(lines: readonly unknown[], signal: AbortSignal | null | undefined): Response {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  streams++;
  return new Response(
    new ReadableStream({
      start: (to) => {
        to.enqueue(new TextEncoder().encode(text));
        signal!.addEventListener("abort", () => {
          streams--;
          to.error(signal!.reason);
        });
      },
    }),
  );
}

/** The page's own things, as in a browser; and a broker that answers. */
function give(): void {
  const context = new Proxy({}, {
    get: (_, name) => name === "measureText" ? () => ({ width: 10 }) : () => {},
    set: () => true,
  });
  Object.assign(page.HTMLCanvasElement.prototype, { getContext: () => context });
  const own = {
    window: globalThis,
    document,
    location: page.location,
    history: page.history,
    localStorage: page.localStorage,
    matchMedia: page.matchMedia.bind(page),
    getComputedStyle: page.getComputedStyle.bind(page),
    addEventListener: page.addEventListener.bind(page),
    scrollTo: () => {},
    requestAnimationFrame: (act: () => void) => setTimeout(act, 0),
    cancelAnimationFrame: clearTimeout,
    devicePixelRatio: 1,
    screen: { orientation: {} },
    Node: page.Node,
    NodeList: page.NodeList,
    NamedNodeMap: page.NamedNodeMap,
    HTMLCollection: page.HTMLCollection,
    DocumentFragment: page.DocumentFragment,
    ShadowRoot: page.ShadowRoot,
    Element: page.Element,
    HTMLElement: page.HTMLElement,
    HTMLAnchorElement: page.HTMLAnchorElement,
    ResizeObserver: page.ResizeObserver,
    Path2D: class {
      moveTo() {}
      lineTo() {}
      rect() {}
      addPath() {}
    },
    fetch: broker,
  };
  for (const [name, value] of Object.entries(own)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}

async function broker(address: string, init: RequestInit = {}): Promise<Response> {
  const path = address.replace(`/runnel${API_PATH}/`, ""), [plain] = path.split("?");
  const { method = "GET", body, headers } = init;
  asked.push({
    method,
    path,
    body: typeof body === "string" ? JSON.parse(body) : null,
    header: new Headers(headers).get("x-runnel-console"),
  });
  await Promise.resolve();
  if (plain === "live") return stream(LIVE, init.signal);
  if (plain.endsWith("/follow")) return stream(FOLLOWED, init.signal);
  const answer = ANSWERS[`${method} ${plain}`];
  if (answer === undefined) throw new Error(`${method} ${path} is not answered`);
  return typeof answer === "function" ? answer() : Response.json(answer);
}
