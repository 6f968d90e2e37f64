/** Browser: Debian's Chromium, watched: what a page logs, what its policy stops and what it asks of others are faults. */
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

const CHROMIUM = Deno.env.get("CHROMIUM") ?? "/usr/bin/chromium";

/** What is not there by then does not come, on a machine that has other work too. */
const WAIT_LIMIT_MS = 15_000;

export async function openBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    // Whoever runs a suite in a container is root there, and has a small /dev/shm.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"],
  });
}

/** Asks until it is so. */
export async function until(isSo: () => Promise<boolean>, limitMs = WAIT_LIMIT_MS): Promise<void> {
  for (const endMs = performance.now() + limitMs; !await isSo();) {
    if (performance.now() > endMs) throw new Error(`not so within ${limitMs} ms: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export interface Look {
  readonly colorScheme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  readonly timezoneId?: string;
  readonly httpCredentials?: { readonly username: string; readonly password: string };
}

/** What a browser has of its own (storage, cache, tabs), and what went wrong in any of its pages. */
export class Watched implements AsyncDisposable {
  readonly context: BrowserContext;
  readonly origin: string;
  /** What was asked, in order: "GET /api/v1/topics". */
  readonly asked: string[] = [];
  #faults: string[] = [];

  private constructor(context: BrowserContext, origin: string) {
    this.context = context;
    this.origin = origin;
  }

  static async open(browser: Browser, origin: string, look: Look = {}): Promise<Watched> {
    const { width = 1280, height = 800, colorScheme = "light", timezoneId, httpCredentials } = look;
    const context = await browser.newContext({
      viewport: { width, height },
      deviceScaleFactor: 1,
      colorScheme,
      timezoneId,
      httpCredentials,
      acceptDownloads: true,
      permissions: ["clipboard-read", "clipboard-write"],
    });
    context.setDefaultTimeout(WAIT_LIMIT_MS);
    const watched = new Watched(context, origin);
    context.on("page", (page) => watched.#watch(page));
    context.on("request", (request) => {
      const url = request.url();
      if (url.startsWith(`${origin}/`)) {
        watched.asked.push(`${request.method()} ${url.slice(origin.length)}`);
      } else if (!url.startsWith("data:") && !url.startsWith("blob:")) {
        watched.#faults.push(`asks another: ${url}`);
      }
    });
    await context.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => {
        // The types of a page are not those of this program.
        const { violatedDirective, blockedURI } = event as Event & Record<string, unknown>;
        console.error(`policy: ${violatedDirective} ${blockedURI}`);
      });
    });
    return watched;
  }

  #watch(page: Page): void {
    page.on("console", (said) => {
      if (said.type() !== "error" && said.type() !== "warning") return;
      this.#faults.push(`${said.type()} at ${page.url()}: ${said.text()} ${said.location().url}`);
    });
    page.on("pageerror", (error) => this.#faults.push(`thrown at ${page.url()}: ${error.stack}`));
    page.on("dialog", (dialog) => {
      this.#faults.push(`a dialog at ${page.url()}: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
  }

  /** What went wrong so far, which is said once; `expected` is what a refusal or a stopped broker leaves in the log. */
  faults(expected?: RegExp): string[] {
    const found = this.#faults.filter((fault) => !expected?.test(fault));
    this.#faults = [];
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close();
  }
}
