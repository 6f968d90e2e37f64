/** Rights: a console that may only show, behind a proxy's path; and one whose user's ACLs decide. */
import { assertEquals, assertMatch } from "@std/assert";
import { mustBeAccessible } from "./accessible.ts";
import { Watched } from "./browser.ts";
import type { House } from "./console.ts";
import { freePort, serve } from "./served.ts";

export async function rights(house: House): Promise<void> {
  await Promise.all([readOnly(house), limited(house)]);
}

async function readOnly({ suite, browser, program }: House): Promise<void> {
  await using served = await serve(program, { flags: ["--console-base-path", "/runnel"] });
  const direct = `${served.origin}/runnel`;
  for (const isStripped of [false, true]) {
    const proxy = proxyTo(served.origin, isStripped ? "/runnel" : "");
    const origin = `http://127.0.0.1:${proxy.addr.port}`;
    await suite.check(
      `behind a path that a proxy ${
        isStripped ? "takes away" : "passes on"
      } all is there, and read only`,
      async () => {
        await using watched = await Watched.open(browser, origin);
        const page = await watched.context.newPage();
        await page.goto(isStripped ? `${origin}/runnel/` : `${origin}/runnel`);
        await page.locator(".dot.live").waitFor();
        await page.getByText("Read only").waitFor();
        await page.getByRole("link", { name: "Topics" }).click();
        await page.getByText("There is no topic yet").waitFor();
        await mustBeAccessible(page);
        assertEquals(await page.getByRole("button", { name: "Create a topic" }).count(), 0);
        assertEquals(new URL(page.url()).pathname, "/runnel/topics");
        await page.reload();
        await page.getByText("There is no topic yet").waitFor();
        await page.goto(`${origin}/runnel/groups`);
        await page.getByText("No group has read anything").waitFor();
        assertEquals(watched.asked.filter((one) => !/^GET \/runnel(\/|$)/.test(one)), []);
        assertEquals(watched.faults(), []);
      },
    );
    await proxy.shutdown();
  }
  await suite.check("a change is refused where it only shows, whoever asks", async () => {
    const answer = await fetch(`${direct}/api/v1/topics`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-runnel-console": "1" },
      body: JSON.stringify({ name: "never" }),
    });
    assertEquals([answer.status, (await answer.json()).error.code], [403, "read_only"]);
  });
}

/** Passes everything on, without `prefix`. */
function proxyTo(origin: string, prefix: string): Deno.HttpServer<Deno.NetAddr> {
  const options = { hostname: "127.0.0.1", port: freePort(), onListen: () => {} };
  return Deno.serve(options, (request) => {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    headers.delete("accept-encoding");
    return fetch(`${origin}${pathname.slice(prefix.length)}${search}`, {
      method: request.method,
      headers,
      body: request.body,
      redirect: "manual",
    });
  });
}

async function limited({ suite, browser, program }: House): Promise<void> {
  await using served = await serve(program, {
    flags: [
      ...["--auth-enabled", "--auth-mechanism", "PLAIN", "--auth-plain-username", "admin"],
      ...["--http-authentication", "basic", "--http-username", "con", "--console-write"],
    ],
    env: { RUNNEL_AUTH_PLAIN_PASSWORD: "pw", RUNNEL_HTTP_PASSWORD: "of con" },
  });
  const folder = await Deno.makeTempDir({ prefix: "runnel-console-" });
  const config = `${folder}/admin.properties`;
  await Deno.writeTextFile(
    config,
    `security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="pw";\n`,
    { mode: 0o600 },
  );
  const admin = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: [...args, "--bootstrap", served.kafka, "--client-config", config],
      env: { NO_COLOR: "1" },
    }).output();
    const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
    assertEquals(code, 0, `${args.join(" ")}: ${said}`);
  };
  const { origin } = served, httpCredentials = { username: "con", password: "of con" };
  await suite.check("without the password nothing is shown", async () => {
    for (const path of ["", "/topics", "/api/v1/topics"]) {
      const answer = await fetch(`${origin}${path}`);
      await answer.body?.cancel();
      assertEquals(answer.status, 401, path);
    }
  });
  await suite.check(
    "with log-ins the user's ACLs decide what is shown and what is changed",
    async () => {
      await admin("topic", "create", "secret");
      await admin("topic", "create", "orders");
      for (const operation of ["describe", "read"]) {
        await admin(
          "acl",
          "add",
          "con",
          operation,
          "topic:orders",
        );
      }
      await using watched = await Watched.open(browser, origin, { httpCredentials });
      const page = await watched.context.newPage();
      const dialog = page.getByRole("dialog");
      await page.goto(`${origin}/topics`);
      await page.getByRole("link", { name: "orders" }).waitFor();
      assertEquals(await page.getByRole("link", { name: "secret" }).count(), 0);
      await page.getByText("1 in all").waitFor();
      // What is of the broker itself takes DESCRIBE on the cluster.
      await page.goto(origin);
      await page.getByRole("alert").getByText("may not describe the cluster").waitFor();
      await mustBeAccessible(page);
      await page.goto(`${origin}/topics`);
      await page.getByRole("button", { name: "Create a topic" }).click();
      await dialog.getByLabel("Name").fill("mine");
      await dialog.getByRole("button", { name: "Create" }).click();
      await dialog.getByRole("alert").waitFor();
      assertMatch(await dialog.getByRole("alert").innerText(), /author|may not|allow/i);
      await admin("acl", "add", "con", "create", "topic:mine");
      await admin("acl", "add", "con", "describe", "topic:mine");
      await dialog.getByRole("button", { name: "Create" }).click();
      await page.getByRole("heading", { name: "mine", level: 1 }).waitFor();
      await page.goto(`${origin}/topics/secret`);
      await page.getByRole("alert").waitFor();
      await admin("acl", "add", "con", "describe", "cluster");
      await page.goto(origin);
      await page.locator(".who").getByText("User:con").waitFor();
      await page.locator(".dot.live").waitFor();
      assertEquals(watched.faults(/40[34] \(/), []);
    },
  );
  await Deno.remove(folder, { recursive: true });
}
