/** Proves who may ask over HTTP: with a password, with a token, over TLS, and what stays open by choice. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Authority } from "../../src/testing/certificates.ts";
import { CertificateFolder } from "./certificate_folder.ts";
import { pause, TestBroker } from "./harness.ts";

const PATHS = ["/healthz", "/readyz", "/metrics", "/secret"];

async function statuses(broker: TestBroker, authorization?: string): Promise<number[]> {
  return await Promise.all(PATHS.map(async (path) => {
    const headers = authorization === undefined ? undefined : { authorization };
    const answer = await fetch(`http://${broker.httpAddress}${path}`, { headers });
    await answer.body?.cancel();
    return answer.status;
  }));
}

const basic = (text: string) => `Basic ${btoa(text)}`;

Deno.test("with a password, metrics and paths that there are none of are for who has it, and health for all", async () => {
  const http = { authentication: "basic", username: "ops", password: "s:ecret" } as const;
  await using broker = await TestBroker.start({ http });
  for (
    const wrong of [
      undefined,
      basic("ops:wrong"),
      basic("ops:"),
      basic("x:s:ecret"),
      "Basic",
      "Bearer s:ecret",
    ]
  ) {
    assertEquals(await statuses(broker, wrong), [200, 200, 401, 401]);
  }
  assertEquals(await statuses(broker, basic("ops:s:ecret")), [200, 200, 200, 404]);
  assertEquals(await statuses(broker, basic("ops:s:ecret").replace("Basic", "bAsIc")), [
    200,
    200,
    200,
    404,
  ]);
  const answer = await fetch(`http://${broker.httpAddress}/metrics`);
  assertEquals(answer.headers.get("www-authenticate"), 'Basic realm="runnel", charset="UTF-8"');
  await answer.body?.cancel();
});

Deno.test("with a token the same, and either of health and metrics may be open or not", async () => {
  const http = { authentication: "bearer", token: "t0ken" } as const;
  await using closed = await TestBroker.start({ http: { ...http, openHealth: false } });
  assertEquals(await statuses(closed), [401, 401, 401, 401]);
  assertEquals(await statuses(closed, "Bearer t0ke"), [401, 401, 401, 401]);
  assertEquals(await statuses(closed, "Bearer t0ken"), [200, 200, 200, 404]);
  await using open = await TestBroker.start({ http: { ...http, openMetrics: true } });
  assertEquals(await statuses(open), [200, 200, 200, 401]);
});

Deno.test("HTTPS shows the certificate of [tls], and another one when its files change", async () => {
  const authority = await Authority.make();
  await using folder = await CertificateFolder.make();
  await folder.write(await authority.issue());
  await using broker = await TestBroker.start({
    http: { tls: true },
    tls: { ...folder.files, reloadIntervalMs: 50 },
  });
  const port = broker.httpAddress.split(":").at(-1);
  using client = Deno.createHttpClient({ caCerts: [authority.certificate] });
  const ask = async (path: string) =>
    await (await fetch(`https://localhost:${port}${path}`, { client })).text();
  assertEquals(await ask("/healthz"), "ok\n");
  const metrics = await ask("/metrics");
  assertStringIncludes(metrics, "runnel_tls_certificate_expiry_seconds");
  assertStringIncludes(metrics, "runnel_insecure 0");
  await assertRejects(() => fetch(`http://localhost:${port}/healthz`));
  const other = await Authority.make("CN=Other CA");
  await folder.write(await other.issue());
  using later = Deno.createHttpClient({ caCerts: [other.certificate] });
  for (let tries = 0;; tries++) {
    const answer = await fetch(`https://localhost:${port}/healthz`, { client: later }).catch(() =>
      null
    );
    if (answer !== null) {
      assertEquals(await answer.text(), "ok\n");
      break;
    }
    if (tries > 100) throw new Error("the other certificate is not taken");
    await pause(50);
  }
});
