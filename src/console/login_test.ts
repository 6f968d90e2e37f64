/** Proves who may look at the console where it asks for a log-in: a broker's users, as themselves, and nobody by guessing. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { Admin } from "../client/admin.ts";
import { deleteUser, setPassword } from "../client/admin_users.ts";
import { Cluster } from "../client/cluster.ts";
import type { BrokerOptions } from "../broker/embedded/broker.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";

const auth = {
  enabled: true,
  mechanism: ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
  plainUsername: "admin",
  plainPassword: "s:ecret",
  failureDelayMs: 0,
} as const;
const basic = (text: string) =>
  `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}`;

class SecuredConsole implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly console: ConsoleBroker;

  private constructor(console: ConsoleBroker) {
    this.console = console;
    this.cluster = new Cluster({
      bootstrap: console.broker.kafkaAddress,
      sasl: { mechanism: "PLAIN", username: "admin", password: "s:ecret" },
    });
  }

  static async start(options: BrokerOptions = {}): Promise<SecuredConsole> {
    return new SecuredConsole(await ConsoleBroker.start({ auth, ...options }));
  }

  async status(authorization: string | null, path = "session"): Promise<number> {
    const headers: Record<string, string> = authorization === null ? {} : { authorization };
    const response = await this.console.fetch(path, { headers });
    await response.body?.cancel();
    return response.status;
  }

  async add(name: string, password: string, mechanism: "SCRAM-SHA-256" | "SCRAM-SHA-512") {
    await setPassword(this.cluster, name, password, { mechanism, iterations: 4096 }, {});
  }

  async [Symbol.asyncDispose]() {
    this.cluster.close();
    await this.console[Symbol.asyncDispose]();
  }
}

Deno.test("where listeners ask for log-ins the console does, and acts as each user with its ACLs", async () => {
  await using secured = await SecuredConsole.start({ console: { write: true } });
  const { console, cluster } = secured, admin = new Admin(cluster);
  await secured.add("alice", "pencil ä", "SCRAM-SHA-256");
  await secured.add("bob", "b:c", "SCRAM-SHA-512");
  await admin.createTopics([{ name: "mine" }, { name: "theirs" }]);
  await admin.createAcls([
    { resource: "topic", name: "mine", principal: "User:alice", operation: "read" },
  ]);
  for (
    const wrong of [null, basic("alice:x"), basic("nobody:x"), "Bearer abc", "Basic", "Basic %%"]
  ) {
    assertEquals([wrong, await secured.status(wrong)], [wrong, 401]);
  }
  const as = async (user: string) => {
    console.headers = { authorization: basic(user) };
    const { principal, hasAcls } = await console.get("session");
    const topics = (await console.get("topics")).items.map(({ name }: { name: string }) => name);
    return [principal, hasAcls, topics];
  };
  assertEquals(await as("admin:s:ecret"), ["User:admin", true, ["mine", "theirs"]]);
  assertEquals(await as("alice:pencil ä"), ["User:alice", true, ["mine"]]);
  assertEquals(await as("bob:b:c"), ["User:bob", true, []]);
  assertEquals((await console.get("overview")).error.code, "forbidden");
  assertEquals((await console.post("topics", { name: "new" })).error.code, "forbidden");
  console.headers = { authorization: basic("admin:s:ecret") };
  assertEquals(await console.post("topics", { name: "new" }), { isDone: true });
});

Deno.test("pages and assets ask too, in words for programs, and health and metrics stay as they are", async () => {
  await using secured = await SecuredConsole.start();
  const at = `http://${secured.console.broker.httpAddress}`;
  for (const path of ["/", "/topics", "/api/v1/openapi.json", "/nothing"]) {
    const response = await fetch(at + path);
    assertEquals(response.status, 401, path);
    assertEquals(
      response.headers.get("www-authenticate"),
      'Basic realm="runnel", charset="UTF-8"',
    );
    assertEquals((await response.json()).error.code, "unauthenticated");
  }
  for (const path of ["/healthz", "/readyz", "/metrics"]) {
    const response = await fetch(at + path);
    assertEquals([path, response.status], [path, 200]);
    await response.body?.cancel();
  }
});

Deno.test("a user that is deleted is out at once", async () => {
  await using secured = await SecuredConsole.start({ authorization: { mode: "off" } });
  await secured.add("alice", "pencil", "SCRAM-SHA-512");
  assertEquals(await secured.status(basic("alice:pencil")), 200);
  await deleteUser(secured.cluster, "alice", "SCRAM-SHA-512", {});
  assertEquals(await secured.status(basic("alice:pencil")), 401);
});

Deno.test("who guesses waits, also when it guesses many at a time, and nobody is let in by waiting", async () => {
  await using secured = await SecuredConsole.start({
    auth: { ...auth, maxFailuresPerSecond: 1 },
    limits: { authenticationTimeoutMs: 300 },
  });
  const beganMs = performance.now();
  const guesses = Array.from({ length: 60 }, (_, i) => secured.status(basic(`admin:${i}`)));
  const answered = await Promise.all(guesses);
  const looked = answered.filter((status) => status === 401).length;
  const most = 11 + (performance.now() - beganMs) / 1000; // ten seconds' worth are for free
  assert(looked <= most, `${looked} guesses were looked at, of ${most}`);
  assertEquals(answered.filter((status) => status !== 401 && status !== 503), []);
});

Deno.test("HTTP's own password still opens the console, as the user that it acts as", async () => {
  await using secured = await SecuredConsole.start({
    http: { authentication: "basic", username: "ops", password: "x" },
    authorization: { mode: "off" },
  });
  const { console } = secured;
  for (const [user, principal] of [["ops:x", "User:ops"], ["admin:s:ecret", "User:admin"]]) {
    console.headers = { authorization: basic(user) };
    assertEquals((await console.get("session")).principal, principal);
  }
  assertEquals(await secured.status(basic("ops:y")), 401);
  const metrics = await fetch(`http://${console.broker.httpAddress}/metrics`, {
    headers: { authorization: basic("admin:s:ecret") },
  });
  assertEquals(metrics.status, 401); // a user of the broker is none of HTTP's
  await metrics.body?.cancel();
});

Deno.test("who guesses HTTP's own password waits as well, and a user of the broker is no guess", async () => {
  await using secured = await SecuredConsole.start({
    http: { authentication: "basic", username: "ops", password: "x" },
    auth: { ...auth, maxFailuresPerSecond: 1 },
    limits: { authenticationTimeoutMs: 300 },
    authorization: { mode: "off" },
  });
  const asked = async (authorization: string) => {
    const { httpAddress } = secured.console.broker;
    const response = await fetch(`http://${httpAddress}/metrics`, { headers: { authorization } });
    await response.body?.cancel();
    return response.status;
  };
  for (let i = 0; i < 40; i++) {
    assertEquals([await secured.status(basic("admin:s:ecret")), await asked(basic("ops:x"))], [
      200,
      200,
    ]);
  }
  const beganMs = performance.now();
  const answered = await Promise.all(
    Array.from({ length: 60 }, (_, i) => asked(basic(`ops:${i}`))),
  );
  const looked = answered.filter((status) => status === 401).length;
  const most = 11 + (performance.now() - beganMs) / 1000; // ten seconds' worth are for free
  assert(looked <= most, `${looked} guesses were looked at, of ${most}`);
  assertEquals(answered.filter((status) => status !== 401 && status !== 503), []);
});

Deno.test("who guesses HTTP's own token waits as well, and whoever logs in as a user of the broker does not", async () => {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const folder = await Deno.makeTempDir(), jwks = `${folder}/keys.json`;
  const key = { ...await exportJWK(publicKey), kid: "k", use: "sig" };
  await Deno.writeTextFile(jwks, JSON.stringify({ keys: [key] }));
  try {
    await using secured = await SecuredConsole.start({
      http: { authentication: "bearer", token: "t0ken" },
      auth: { ...auth, mechanism: ["PLAIN", "OAUTHBEARER"], maxFailuresPerSecond: 1 },
      oauth: { jwks, issuer: "https://login.example", audience: ["runnel"] },
      limits: { authenticationTimeoutMs: 300 },
      authorization: { mode: "off" },
    });
    const signed = new SignJWT({}).setProtectedHeader({ alg: "ES256", kid: "k" })
      .setIssuer("https://login.example").setAudience("runnel").setSubject("alice")
      .setExpirationTime("1h");
    const users = [`Bearer ${await signed.sign(privateKey)}`, basic("admin:s:ecret")];
    for (let i = 0; i < 20; i++) {
      for (const user of users) assertEquals([i, await secured.status(user)], [i, 200]);
    }
    assertEquals(await secured.status("Bearer t0ken"), 200);
    const { httpAddress } = secured.console.broker, beganMs = performance.now();
    const answered = await Promise.all(Array.from({ length: 60 }, async (_, i) => {
      const headers = { authorization: `Bearer ${i}` };
      const response = await fetch(`http://${httpAddress}/metrics`, { headers });
      await response.body?.cancel();
      return response.status;
    }));
    const looked = answered.filter((status) => status === 401).length;
    const most = 11 + (performance.now() - beganMs) / 1000; // ten seconds' worth are for free
    assert(looked <= most, `${looked} guesses were looked at, of ${most}`);
    assertEquals(answered.filter((status) => status !== 401 && status !== 503), []);
    for (const user of users) assertEquals(await secured.status(user), 200);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a user's password is no guess at the token that HTTP asks for", async () => {
  await using secured = await SecuredConsole.start({
    http: { authentication: "bearer", token: "t0ken" },
    auth: { ...auth, maxFailuresPerSecond: 1 },
    limits: { authenticationTimeoutMs: 300 },
    authorization: { mode: "off" },
  });
  for (let i = 0; i < 40; i++) {
    assertEquals([i, await secured.status(basic("admin:s:ecret"))], [i, 200]);
  }
});

Deno.test("one switch asks for a log-in where no listener does, or for none where one does", async () => {
  await using open = await ConsoleBroker.start();
  assertEquals((await open.get("session")).principal, "User:ANONYMOUS");
  const { enabled: _, ...users } = auth;
  await using closed = await ConsoleBroker.start({ auth: users, console: { login: "always" } });
  assertEquals((await closed.fetch("session")).status, 401);
  closed.headers = { authorization: basic("admin:s:ecret") };
  assertEquals((await closed.get("session")).principal, "User:admin");
  await using never = await ConsoleBroker.start({ auth, console: { login: "never" } });
  assertEquals((await never.get("session")).principal, "User:ANONYMOUS");
});

Deno.test("what is proved is audited as a log-in at a listener is", async () => {
  const file = await Deno.makeTempFile();
  const secured = await SecuredConsole.start({ audit: { file } });
  assertEquals(await secured.status(basic("admin:wrong")), 401);
  const many = Array.from({ length: 5 }, () => secured.status(basic("admin:s:ecret")));
  assertEquals(await Promise.all(many), [200, 200, 200, 200, 200]);
  await secured[Symbol.asyncDispose]();
  const lines = (await Deno.readTextFile(file)).trim().split("\n").map((line) => JSON.parse(line))
    .filter((line) => line.listener === "http");
  await Deno.remove(file);
  assertEquals(lines.map(({ result }) => result).toSorted(), ["done", "failed"]);
  assertMatch(JSON.stringify(lines), /"claimed":"admin"/);
});

Deno.test("a password is checked before a body is taken", async () => {
  await using secured = await SecuredConsole.start();
  const [hostname, port] = secured.console.broker.httpAddress!.split(":");
  using conn = await Deno.connect({ hostname, port: Number(port) });
  const header = "POST /api/v1/topics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n";
  await conn.write(new TextEncoder().encode(header)); // and nothing of the body
  assertMatch(await new Response(conn.readable).text(), /^HTTP\/1\.1 401 /);
});

Deno.test("a bearer token is a log-in too, until its time is up, and no longer", async () => {
  const { publicKey, privateKey } = await generateKeyPair("ES256"),
    file = await Deno.makeTempFile();
  const keys = [{ ...await exportJWK(publicKey), kid: "k", alg: "ES256" }];
  await Deno.writeTextFile(file, JSON.stringify({ keys }));
  const tokenUntil = (exp: number, key = privateKey) =>
    new SignJWT({ iss: "us", aud: "kafka", sub: "carol", exp })
      .setProtectedHeader({ alg: "ES256", kid: "k" }).sign(key);
  await using secured = await SecuredConsole.start({
    auth: { ...auth, mechanism: ["OAUTHBEARER"] },
    oauth: { jwks: file, issuer: "us", audience: ["kafka"], clockSkewSeconds: 0 },
    authorization: { mode: "off" },
  });
  const { console } = secured, nowS = Math.floor(Date.now() / 1000);
  const soon = `Bearer ${await tokenUntil(nowS + 6)}`;
  console.headers = { authorization: soon };
  assertEquals((await console.get("session")).principal, "User:carol");
  console.headers = {};
  const stranger = (await generateKeyPair("ES256")).privateKey;
  const wrong = [
    `Bearer ${await tokenUntil(nowS - 10)}`,
    `Bearer ${await tokenUntil(nowS + 60, stranger)}`,
    "Bearer x",
    basic("admin:s:ecret"), // no listener takes a password here
  ];
  for (const one of wrong) assertEquals([one, await secured.status(one)], [one, 401]);
  const asked = await console.fetch("session");
  assertEquals(asked.headers.get("www-authenticate"), 'Bearer realm="runnel"');
  await asked.body?.cancel();
  while (Date.now() < (nowS + 7) * 1000) await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals(await secured.status(soon), 401); // though it was believed
  await Deno.remove(file);
});
