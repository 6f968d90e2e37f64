/** Accessible: what axe finds in a page as the browser paints it, contrast included. */
import axe from "axe-core";
import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";

interface Found {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
}

export async function mustBeAccessible(page: Page): Promise<void> {
  // By the browser's own inspector, which the page's policy does not bind, and which leaves nothing in the page's scripts.
  const inspector = await page.context().newCDPSession(page);
  const run = async (expression: string) => {
    const { result, exceptionDetails } = await inspector.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description);
    return result.value;
  };
  await run(`if (typeof axe === "undefined") { ${axe.source} }`);
  const { violations }: Found = await run("axe.run(document, { resultTypes: ['violations'] })");
  await inspector.detach();
  assertEquals(
    violations.map(({ id, nodes }) => [
      id,
      ...nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`),
    ]),
    [],
  );
}
