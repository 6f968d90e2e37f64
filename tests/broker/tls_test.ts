/**
 * Proves what a TLS listener does, by clients that reach a whole broker over it: several listeners that each tell their
 * own address, whose certificates are let in and as whom, certificates that change while clients are served, and peers
 * that begin and do not go on.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import tls from "node:tls";
import { Connection } from "../../src/client/connection.ts";
import { ApiVersions } from "../../src/protocol/messages/api_versions.ts";
import { DescribeCluster } from "../../src/protocol/messages/describe_cluster.ts";
import { DescribeConfigs } from "../../src/protocol/messages/describe_configs.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { CertificateFolder, dialTls } from "./certificate_folder.ts";
import {
  Authority,
  type CertificateWish,
  CLIENT_AUTH,
  selfSigned,
  SERVER_AUTH,
} from "../../src/testing/certificates.ts";
import type { Machine } from "../../src/broker.ts";
import { pause, requestBytes, type Settings, TestBroker, within } from "./harness.ts";

const DAY_MS = 86_400_000;
const authority = await Authority.make();
const foreign = await Authority.make("CN=Foreign CA");

interface House extends AsyncDisposable {
  readonly broker: TestBroker;
  readonly folder: CertificateFolder;
  connect(shown?: { certificate: string; key: string }): Promise<Connection>;
}

/** A broker with a plain listener and one with TLS, which is called SECURE. */
async function house(
  clientAuth: "none" | "requested" | "required",
  settings: Settings = {},
  machine: Machine = {},
): Promise<House> {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await CertificateFolder.make());
  await folder.write(await authority.issue());
  await folder.trust(authority);
  const broker = stack.use(
    await TestBroker.start({
      listeners: [
        { name: "PLAINTEXT", port: 0 },
        { name: "SECURE", protocol: "SSL", port: 0, clientAuth },
      ],
      ...settings,
      tls: { ...folder.files, reloadIntervalMs: 50, ...settings.tls },
    }, machine),
  );
  const connect = async (shown?: { certificate: string; key: string }) => {
    const port = broker.portOf("SECURE"), dial = dialTls([authority], shown);
    const connection = await Connection.open({ host: "localhost", port, dial });
    stack.defer(() => connection.close());
    return connection;
  };
  return { broker, folder, connect, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

Deno.test("a client of each listener is told where that one is, by Metadata, DescribeCluster and FindCoordinator", async () => {
  await using it = await house("none");
  const plain = await it.broker.connect(), secure = await it.connect();
  for (const [connection, name] of [[plain, "PLAINTEXT"], [secure, "SECURE"]] as const) {
    const port = it.broker.portOf(name);
    const { brokers } = await connection.request(Metadata, 12, { topics: [] });
    assertEquals(brokers.map((one) => one.port), [port]);
    const cluster = await connection.request(DescribeCluster, 1, {});
    assertEquals(cluster.brokers.map((one) => one.port), [port]);
    const found = await connection.request(FindCoordinator, 4, {
      keyType: 0,
      coordinatorKeys: ["g"],
    });
    assertEquals(found.coordinators.map((one) => one.port), [port]);
  }
  assert(it.broker.portOf("PLAINTEXT") !== it.broker.portOf("SECURE"));
});

Deno.test("DescribeConfigs names all listeners as Kafka writes them", async () => {
  await using it = await house("none");
  const connection = await it.broker.connect();
  const names = ["listeners", "advertised.listeners", "listener.security.protocol.map"];
  const { results: [{ configs }] } = await connection.request(DescribeConfigs, 4, {
    resources: [{ resourceType: 4, resourceName: "0", configurationKeys: names }],
  });
  const valueOf = (name: string) => configs.find((one) => one.name === name)!.value;
  assertEquals(valueOf("listeners"), "PLAINTEXT://127.0.0.1:0,SECURE://127.0.0.1:0");
  assertEquals(valueOf("listener.security.protocol.map"), "PLAINTEXT:PLAINTEXT,SECURE:SSL");
  assertEquals(valueOf("advertised.listeners"), null); // none is set
});

Deno.test("what a client sends and gets over TLS is what it is without, also when it is large", async () => {
  await using it = await house("none");
  const connection = await it.connect();
  await connection.request(Metadata, 12, {
    topics: [{ name: "t" }],
    allowAutoTopicCreation: true,
  });
  const many = Array.from({ length: 20_000 }, (_, index) => ({ name: `unknown-${index}` }));
  for (let round = 0; round < 3; round++) {
    const { topics } = await connection.request(Metadata, 12, {
      topics: many,
      allowAutoTopicCreation: false,
    });
    assertEquals(topics.map(({ name }) => name), many.map(({ name }) => name));
  }
});

/** What a client's certificate may be, and what comes of it where one is required. */
const CERTIFICATES: readonly [what: string, wish: CertificateWish, refused: string | null][] = [
  ["a client's", { name: "CN=alice" }, null],
  ["one for clients alone", { purposes: [CLIENT_AUTH] }, null],
  ["one that does not say what for", { purposes: null }, null],
  ["one that says neither what for nor whether it is an authority's", {
    purposes: null,
    isCa: null,
  }, null],
  ["an expired one", { notBefore: ago(2), notAfter: ago(1) }, "not trusted"],
  ["one that is not valid yet", { notBefore: ago(-1), notAfter: ago(-2) }, "not trusted"],
  ["one for servers", { purposes: [SERVER_AUTH] }, "not trusted"],
  ["an authority's", { isCa: true }, "not trusted"],
];

for (const [what, wish, refused] of CERTIFICATES) {
  for (const clientAuth of ["requested", "required"] as const) {
    Deno.test(`certificate ${clientAuth}: ${what} is ${refused === null ? "let in" : "refused"}`, async () => {
      await using it = await house(clientAuth);
      const issued = await authority.issue({ name: "CN=somebody", ...wish });
      if (refused === null) await (await it.connect(issued)).request(ApiVersions, 0, {});
      else await isRefused(it, issued);
    });
  }
}

Deno.test("a certificate of a foreign authority, of none, and of one below a client's are refused", async () => {
  await using it = await house("required");
  await isRefused(it, await foreign.issue());
  await isRefused(it, await foreign.issue({ name: "CN=alice" }));
  await isRefused(it, await selfSigned());
  await isRefused(it, await selfSigned({ isCa: true }));
  const delegate = await foreign.delegate();
  const below = await delegate.issue();
  await isRefused(it, { ...below, certificate: below.certificate + delegate.certificate });
});

Deno.test("a certificate of an authority below the trusted one is let in with that one, and not without", async () => {
  await using it = await house("required");
  const delegate = await authority.delegate(), below = await delegate.issue();
  await it.connect({ ...below, certificate: below.certificate + delegate.certificate });
  await isRefused(it, below);
});

Deno.test("who has no certificate is let in where one is requested, and refused where one is required", async () => {
  await using open = await house("requested");
  await (await open.connect()).request(ApiVersions, 0, {});
  await using closed = await house("required");
  await isRefused(closed, undefined);
});

Deno.test("a client is who its certificate names, as Java writes it; without one it is ANONYMOUS", async () => {
  const seen = new Set<string>();
  const around: Machine["around"] = (dispatch) => (frame, connection) => {
    seen.add(`${connection.listener} ${connection.principal}`);
    return dispatch(frame, connection);
  };
  await using it = await house("requested", {}, { around });
  await it.connect(await authority.issue({ name: [{ O: ["Acme"] }, { CN: ["bob,CN=admin"] }] }));
  await it.connect();
  await it.broker.connect();
  assertEquals([...seen], [
    "SECURE User:CN=bob\\,CN\\=admin,O=Acme",
    "SECURE User:ANONYMOUS",
    "PLAINTEXT User:ANONYMOUS",
  ]);
});

Deno.test("a client's own certificate among the trusted ones is let in, unless it has expired or is an authority's", async () => {
  await using it = await house("required");
  const own = await selfSigned({ name: "CN=alice" });
  const expired = await selfSigned({ notBefore: ago(2), notAfter: ago(1) });
  const all = await selfSigned({ isCa: true });
  await it.folder.trust(authority, own, expired, all);
  await within(untilOpen(() => it.connect(own)), "it is trusted");
  await isRefused(it, expired);
  await isRefused(it, all);
  await isRefused(it, await selfSigned({ name: "CN=alice" }));
});

Deno.test("a certificate is replaced while clients are served, and not one of their requests fails", async () => {
  await using it = await house("none");
  const port = it.broker.portOf("SECURE");
  const staying = await it.connect();
  let isOver = false, asked = 0, opened = 0;
  const asking = (async () => {
    while (!isOver) {
      await staying.request(ApiVersions, 0, {});
      asked++;
    }
  })();
  const dial = dialTls([authority]);
  const coming = Promise.all([1, 2, 3].map(async () => {
    while (!isOver) {
      const connection = await Connection.open({ host: "localhost", port, dial });
      await connection.request(ApiVersions, 0, {});
      connection.close();
      opened++;
    }
  }));
  const shown = new Set([await serialOf(port)]);
  for (let round = 1; round <= 4; round++) {
    await it.folder.write(await authority.issue());
    for (let tries = 0; shown.size <= round; tries++) {
      assert(tries < 100, "a certificate is taken within seconds");
      await pause(50);
      shown.add(await serialOf(port));
    }
  }
  isOver = true;
  await Promise.all([asking, coming]);
  assertEquals(shown.size, 5);
  assert(asked > 0 && opened > 0);
  assertEquals(staying.isClosed, false);
});

Deno.test("files that cannot be used leave the certificate as it is, and good ones after them are taken", async () => {
  await using it = await house("none");
  const port = it.broker.portOf("SECURE"), first = await serialOf(port);
  const bad = [
    { certificate: "nothing", key: "nothing" },
    { ...await authority.issue(), key: (await authority.issue()).key },
    await authority.issue({ notBefore: ago(2), notAfter: ago(1) }),
    await authority.issue({ notBefore: ago(-1), notAfter: ago(-2) }),
  ];
  for (const files of bad) {
    await it.folder.write(files);
    await pause(250);
    assertEquals(await serialOf(port), first);
  }
  await Deno.remove(it.folder.files.keyFile);
  await pause(250);
  assertEquals(await serialOf(port), first);
  await it.folder.write(await authority.issue());
  await within(changed(port, first), "a good certificate is taken");
});

Deno.test("files that are links and are swapped, as in Kubernetes, are taken", async () => {
  await using it = await house("none");
  const port = it.broker.portOf("SECURE"), first = await serialOf(port);
  const { certificateFile, keyFile } = it.folder.files;
  const fresh = await authority.issue();
  await Deno.writeTextFile(`${certificateFile}.new`, fresh.certificate);
  await Deno.writeTextFile(`${keyFile}.new`, fresh.key, { mode: 0o600 });
  for (const file of [certificateFile, keyFile]) {
    await Deno.symlink(`${file}.new`, `${file}.link`);
    await Deno.rename(`${file}.link`, file);
  }
  await within(changed(port, first), "what the links lead to is taken");
});

Deno.test("when an authority is trusted no more its clients are refused, and those of the others come as before", async () => {
  await using it = await house("required");
  await it.folder.trust(authority, foreign);
  const theirs = await foreign.issue(), ours = await authority.issue();
  await within(untilOpen(() => it.connect(theirs)), "the second authority is trusted");
  await it.folder.trust(authority);
  await within(
    (async () => {
      for (;;) {
        const isIn = await it.connect(theirs).then(() => true, () => false);
        if (!isIn) return;
        await pause(50);
      }
    })(),
    "it is trusted no more",
  );
  await it.connect(ours);
});

Deno.test("the expiry of the certificate is a gauge", async () => {
  await using it = await house("none");
  const seconds = await it.broker.metric("tls_certificate_expiry_seconds");
  assert(Math.abs(seconds - (Date.now() + DAY_MS) / 1000) < 120, `${seconds}`);
});

Deno.test("TLS before 1.2 is not spoken", async () => {
  await using it = await house("none");
  const port = it.broker.portOf("SECURE");
  const client = await Deno.connect({ hostname: "127.0.0.1", port });
  // A ClientHello of TLS 1.1 that offers one of its ciphers.
  const body = [3, 2, ...new Array(32).fill(7), 0, 0, 2, 0, 0x2f, 1, 0];
  const hello = [1, 0, 0, body.length, ...body];
  await client.write(new Uint8Array([22, 3, 1, 0, hello.length, ...hello]));
  const answer = new Uint8Array(64);
  const read = await client.read(answer);
  assertEquals(read === null || answer[0] === 21, true, "an alert or the end");
  client.close();
});

Deno.test("who stops before, within or after the first packet is cut off in time, and disturbs nobody", async () => {
  const authenticationTimeoutMs = 2000;
  await using it = await house("none", { limits: { authenticationTimeoutMs } });
  const port = it.broker.portOf("SECURE");
  const hello = await helloOf();
  const stopping = await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      if (index % 3 === 1) await conn.write(hello.subarray(0, 20));
      if (index % 3 === 2) await conn.write(hello);
      return conn;
    }),
  );
  const good = await it.connect();
  const began = performance.now();
  await good.request(ApiVersions, 0, {});
  assert(
    performance.now() - began < authenticationTimeoutMs * 0.8,
    "others are answered meanwhile",
  );
  await within(Promise.all(stopping.map(untilClosed)), "they are cut off", 30_000);
  const reason = 'reason="handshake"';
  assertEquals(await it.broker.metric("connections_closed_total", reason), 60);
  await good.request(ApiVersions, 0, {});
});

Deno.test("garbage and plain requests at a TLS listener end their connection and nothing else", async () => {
  await using it = await house("none");
  const port = it.broker.portOf("SECURE");
  const garbage = new Uint8Array(100_000).map((_, index) => (index * 7919) >> 3);
  for (const bytes of [garbage, requestBytes(ApiVersions, 0, {}), new Uint8Array(1)]) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(bytes).catch(() => {});
    if (bytes.length > 1) await within(untilClosed(conn), "it is closed");
    else conn.close();
  }
  await (await it.connect()).request(ApiVersions, 0, {});
});

Deno.test("TLS at a plain listener ends its connection and nothing else", async () => {
  await using it = await house("none");
  const port = it.broker.portOf("PLAINTEXT");
  await assertRejects(() => dialTls([authority])({ hostname: "localhost", port }));
  await it.broker.serves();
});

Deno.test("when all connections are taken, the oldest that has not said who it is makes room", async () => {
  await using it = await house("none", { limits: { maxConnections: 8 } });
  const port = it.broker.portOf("SECURE");
  const silent = [];
  for (let i = 0; i < 8; i++) silent.push(await Deno.connect({ hostname: "127.0.0.1", port }));
  await (await it.connect()).request(ApiVersions, 0, {});
  await within(untilClosed(silent[0]), "the oldest is closed");
  for (const conn of silent.slice(1)) conn.close();
});

Deno.test("who has said nothing yet counts in the limits of its address and of its listener", async () => {
  await using it = await house("none", {
    quotas: { maxConnectionsPerIp: 3 },
    listeners: [
      { name: "PLAINTEXT", port: 0 },
      { name: "SECURE", protocol: "SSL", port: 0 },
      { name: "FEW", protocol: "SSL", port: 0, maxConnections: 1 },
    ],
  });
  const to = async (name: string) =>
    await Deno.connect({ hostname: "127.0.0.1", port: it.broker.portOf(name) });
  const silent = [await to("FEW")];
  await within(untilClosed(await to("FEW")), "the listener has as many as it may");
  for (let i = 0; i < 2; i++) silent.push(await to("SECURE"));
  await within(untilClosed(await to("SECURE")), "the address has as many as it may");
  for (const conn of silent) conn.close();
});

Deno.test("while as many handshakes as there may be have stopped, others come in when those have had a second", async () => {
  await using it = await house("none", { limits: { maxConnections: 8 } });
  const port = it.broker.portOf("SECURE"), hello = await helloOf();
  const startMs = performance.now(); // before the first of them has begun
  const stopped = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      await conn.write(hello);
      return conn;
    }),
  );
  await pause(100);
  await (await it.connect()).request(ApiVersions, 0, {});
  assert(performance.now() - startMs > 950, "it waited for a place");
  await within(Promise.race(stopped.map(untilClosed)), "one of those that stopped is closed");
  for (const conn of stopped.slice(1)) conn.close();
});

Deno.test("a peer that takes no answer over TLS is cut off as one without", async () => {
  const limits = { frameTimeoutMs: 400, minBytesPerSecond: 1 << 20, maxQueuedRequests: 1000 };
  await using it = await house("none", { limits });
  const conn = await Deno.connectTls({
    hostname: "localhost",
    port: it.broker.portOf("SECURE"),
    caCerts: [authority.certificate],
  });
  const names = Array.from({ length: 5000 }, (_, index) => ({ name: `unknown-${index}` }));
  const request = requestBytes(Metadata, 9, { topics: names, allowAutoTopicCreation: false });
  const writing = (async () => {
    for (let i = 0; i < 200; i++) {
      for (let at = 0; at < request.length;) {
        at += await conn.write(request.subarray(at));
      }
    }
  })().catch(() => {});
  for (
    let i = 0;
    await it.broker.metric("connections_closed_total", 'reason="slow_reply"') < 1;
    i++
  ) {
    assert(i < 100, "it is closed as too slow");
    await pause(50);
  }
  await writing;
  conn.close();
});

Deno.test("a start with files that cannot be used is refused in words", async () => {
  await using folder = await CertificateFolder.make();
  const start = (more = {}) =>
    TestBroker.start({
      listeners: [{ name: "SECURE", protocol: "SSL", port: 0, ...more }],
      tls: folder.files,
    });
  const refusal = async (more = {}) => (await assertRejects(() => start(more), Error)).message;
  assertStringIncludes(await refusal(), "Cannot read");
  const issued = await authority.issue();
  await folder.write({ ...issued, key: (await authority.issue()).key });
  assertStringIncludes(await refusal(), "is not that of the first certificate");
  await folder.write({ certificate: issued.key, key: issued.key });
  assertStringIncludes(await refusal(), "holds no certificate");
  await folder.write({ certificate: issued.certificate, key: issued.certificate });
  assertStringIncludes(await refusal(), "holds no private key");
  await folder.write({
    ...issued,
    key: issued.key.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
  });
  assertStringIncludes(await refusal(), "encrypted");
  await folder.write(issued);
  await Deno.chmod(folder.files.keyFile, 0o644);
  assertStringIncludes(await refusal(), "everybody can read");
  await Deno.chmod(folder.files.keyFile, 0o600);
  await folder.trust({ certificate: "no certificate" });
  assertStringIncludes(await refusal({ clientAuth: "required" }), "holds no certificate");
  await folder.trust(authority);
  const rules = { clientAuth: "required", principalMappingRules: "RULE:(/x/" };
  assertStringIncludes(await refusal(rules), "principal_mapping_rules");
});

Deno.test("a client whose name no rule is for is refused", async () => {
  await using it = await house("required", {
    tls: { principalMappingRules: "RULE:^CN=(.*?),O=Acme$/$1/" },
  });
  await it.connect(await authority.issue({ name: "O=Acme,CN=alice" }));
  await isRefused(it, await authority.issue({ name: "CN=alice" }));
});

Deno.test("nobody who is not let in is listened to: a Produce in the first packet is not answered", async () => {
  await using it = await house("required");
  const evil = await selfSigned();
  const request = requestBytes(Produce, 9, { acks: 1, timeoutMs: 1000, topicData: [] });
  const answer = await new Promise<string>((resolve) => {
    const client = tls.connect({
      host: "127.0.0.1",
      port: it.broker.portOf("SECURE"),
      cert: evil.certificate,
      key: evil.key,
      rejectUnauthorized: false,
    });
    client.on("error", () => {});
    client.on("secureConnect", () => client.write(request));
    client.on("data", () => resolve("answered"));
    client.on("close", () => resolve("closed"));
  });
  assertEquals(answer, "closed");
});

/** Over TLS 1.3 a client learns of it with the first answer that does not come. */
async function isRefused(it: House, shown?: { certificate: string; key: string }): Promise<void> {
  await assertRejects(() => it.connect(shown));
}

async function serialOf(port: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    const client = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    client.on("error", reject);
    client.on("secureConnect", () => {
      resolve(client.getPeerCertificate().fingerprint256);
      client.destroy();
    });
  });
}

async function changed(port: number, from: string): Promise<void> {
  while (await serialOf(port) === from) await pause(50);
}

async function untilOpen(open: () => Promise<unknown>): Promise<void> {
  while (!await open().then(() => true, () => false)) await pause(50);
}

async function untilClosed(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(4096);
  while (await conn.read(buffer).catch(() => null) !== null);
  conn.close();
}

/** What a client of TLS says first. */
async function helloOf(): Promise<Uint8Array> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const client = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  client.on("error", () => {});
  const conn = await listener.accept(), buffer = new Uint8Array(4096);
  const read = await conn.read(buffer);
  client.destroy();
  conn.close();
  listener.close();
  return buffer.slice(0, read!);
}

function ago(days: number): Date {
  return new Date(Date.now() - days * DAY_MS);
}
