/**
 * Proves delegation tokens over TCP: what they open and for how long, that they are there after a restart and are nowhere
 * told, how many there may be, and that expired ones go.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import type { Connection } from "../../src/client/connection.ts";
import { logIn, type SaslOptions } from "../../src/client/sasl.ts";
import { configureLog } from "../../src/log.ts";
import { CreateDelegationToken } from "../../src/protocol/messages/create_delegation_token.ts";
import { DescribeConfigs } from "../../src/protocol/messages/describe_configs.ts";
import { DescribeDelegationToken } from "../../src/protocol/messages/describe_delegation_token.ts";
import { ExpireDelegationToken } from "../../src/protocol/messages/expire_delegation_token.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { RenewDelegationToken } from "../../src/protocol/messages/renew_delegation_token.ts";
import { Authority, CLIENT_AUTH } from "../../src/testing/certificates.ts";
import { CertificateFolder, dialTls } from "./certificate_folder.ts";
import { pause, type Settings, TestBroker, withDirectory, within } from "./harness.ts";

const SECRET_KEY = "a secret key that nobody guesses";
const admin: SaslOptions = { mechanism: "PLAIN", username: "admin", password: "of the broker" };
const DAY_MS = 86_400_000;

/** A broker with an administrator of PLAIN, and tokens. */
function secured(
  delegationToken: Settings["delegationToken"] = {},
  more: Settings = {},
): Promise<TestBroker> {
  return TestBroker.start({
    ...more,
    auth: {
      enabled: true,
      plainUsername: "admin",
      plainPassword: "of the broker",
      mechanism: ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
      failureDelayMs: 0,
      ...more.auth,
    },
    delegationToken: { secretKey: SECRET_KEY, ...delegationToken },
  });
}

interface Asked {
  readonly ownerPrincipalName?: string;
  readonly renewers?: { principalType: string; principalName: string }[];
  readonly maxLifetimeMs?: number;
}

function create(connection: Connection, asked: Asked = {}) {
  return connection.request(CreateDelegationToken, 3, {
    ownerPrincipalType: "User",
    ownerPrincipalName: "",
    renewers: [],
    maxLifetimeMs: -1,
    ...asked,
  });
}

type Token = Awaited<ReturnType<typeof create>>;

function saslOf(
  { tokenId, hmac }: Token,
  mechanism: "SCRAM-SHA-256" | "SCRAM-SHA-512" = "SCRAM-SHA-512",
): SaslOptions {
  const password = Buffer.from(hmac).toString("base64");
  return { mechanism, username: tokenId, password, isToken: true };
}

function expire(connection: Connection, { hmac }: Token, expiryTimePeriodMs: number) {
  return connection.request(ExpireDelegationToken, 2, { hmac: hmac.slice(), expiryTimePeriodMs });
}

async function serves(connection: Connection): Promise<void> {
  assertEquals((await connection.request(Metadata, 12, { topics: [] })).errorCode, 0);
}

async function idsAt(connection: Connection): Promise<string[]> {
  const { errorCode, tokens } = await connection.request(DescribeDelegationToken, 3, {
    owners: null,
  });
  assertEquals(errorCode, 0);
  return tokens.map(({ tokenId }) => tokenId);
}

Deno.test("a token lets its owner in over a restart, also renewed, and without its password nobody", async () => {
  await withDirectory(async (path) => {
    let token: Token;
    {
      await using broker = await secured({}, { path });
      const first = await broker.connect({ sasl: admin });
      token = { ...await create(first, { ownerPrincipalName: "alice" }) };
      token = { ...token, hmac: token.hmac.slice() };
      assertEquals([token.errorCode, token.principalName], [0, "alice"]);
      assertEquals(token.expiryTimestampMs - token.issueTimestampMs, DAY_MS);
      await serves(await broker.connect({ sasl: saslOf(token) }));
    }
    // With a snapshot of the metadata in between, and with the log alone.
    for (const metadataSnapshotBytes of [1, undefined]) {
      await using broker = await secured({}, { path, metadataSnapshotBytes });
      for (const mechanism of ["SCRAM-SHA-256", "SCRAM-SHA-512"] as const) {
        await serves(await broker.connect({ sasl: saslOf(token, mechanism) }));
      }
      const first = await broker.connect({ sasl: admin });
      assertEquals(await idsAt(first), [token.tokenId]);
      const { errorCode } = await create(first);
      assertEquals(errorCode, 0);
      const [, other] = await idsAt(first);
      const { tokens } = await first.request(DescribeDelegationToken, 3, { owners: null });
      const hmac = tokens.find(({ tokenId }) => tokenId === other)!.hmac.slice();
      const gone = await first.request(ExpireDelegationToken, 2, { hmac, expiryTimePeriodMs: -1 });
      assertEquals(gone.errorCode, 0);
    }
    // Another key is other passwords.
    await using broker = await secured({ secretKey: "another secret key of a cluster" }, { path });
    await assertRejects(() => broker.connect({ sasl: saslOf(token) }), Error, "SASL");
  });
});

Deno.test("a token's HMAC and the secret key are in no file, no config, no metric and no line of the log", async () => {
  const lines: string[] = [];
  configureLog(
    { level: "debug", format: "text", maxClientEvents: 1000 },
    (line) => lines.push(line),
  );
  try {
    await kept(lines);
  } finally {
    configureLog({ level: "error", format: "text", maxClientEvents: 10 }, () => {});
  }
});

async function kept(lines: readonly string[]): Promise<void> {
  await withDirectory(async (path) => {
    let token: Token;
    {
      await using broker = await secured({}, { path, metadataSnapshotBytes: 1 });
      const connection = await broker.connect({ sasl: admin });
      token = await create(connection);
      token = { ...token, hmac: token.hmac.slice() };
      await serves(await broker.connect({ sasl: saslOf(token) }));
      const wrong = { ...token, hmac: token.hmac.toReversed() };
      await assertRejects(() => broker.connect({ sasl: saslOf(wrong) }));
      assertEquals((await expire(connection, wrong, -1)).errorCode, 62);
      const metrics = await (await fetch(`http://${broker.httpAddress}/metrics`)).text();
      assert(/^runnel_delegation_tokens 1$/m.test(metrics));
      const resources = [{ resourceType: 4, resourceName: "0", configurationKeys: null }];
      const { results: [{ configs }] } = await connection.request(DescribeConfigs, 4, {
        resources,
        includeSynonyms: true,
        includeDocumentation: true,
      });
      const names = configs.map(({ name }) => name);
      assert(names.includes("delegation.token.max.lifetime.ms"));
      for (const text of [metrics, JSON.stringify(configs)]) {
        assert(!text.includes(SECRET_KEY) && !text.includes(saslPassword(token)));
      }
    }
    const secrets = [SECRET_KEY, saslPassword(token)].map((text) => Buffer.from(text));
    let files = 0;
    for await (const bytes of contents(path)) {
      files++;
      for (const secret of [...secrets, Buffer.from(token.hmac)]) {
        assert(!bytes.includes(secret));
      }
    }
    assert(files > 5, `${files}`);
    const log = lines.join("\n");
    assert(log.includes("login_failed"), log);
    assert(!log.includes(SECRET_KEY) && !log.includes(saslPassword(token)));
    assert(!log.includes(saslPassword({ ...token, hmac: token.hmac.toReversed() })));
  });
}

function saslPassword(token: Token): string {
  return (saslOf(token) as { password: string }).password;
}

async function* contents(folder: string): AsyncGenerator<Buffer> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* contents(`${folder}/${name}`);
    else yield Buffer.from(await Deno.readFile(`${folder}/${name}`));
  }
}

Deno.test("a session ends with its token: when that expires, and within seconds when it is ended before", async () => {
  await using broker = await secured();
  const first = await broker.connect({ sasl: admin });
  const short = await create(first, { maxLifetimeMs: 3000 });
  const connection = await broker.connect({ sasl: saslOf(short) });
  await serves(connection);
  await pause(3100);
  await assertRejects(() => serves(connection));
  await assertRejects(() => broker.connect({ sasl: saslOf(short) }), Error, "SASL");

  const token = await create(first), long = await broker.connect({ sasl: saslOf(token) });
  await serves(long);
  assertEquals((await expire(first, token, -1)).errorCode, 0);
  await within(
    (async () => {
      while (!long.isClosed) await pause(50);
    })(),
    "the session to end",
    10_000,
  );
  await assertRejects(() => broker.connect({ sasl: saslOf(token) }), Error, "SASL");
  await serves(first);
});

Deno.test("a session goes on with a token that was renewed, once it proved it again, and never as somebody else", async () => {
  await using broker = await secured({ expiryTimeMs: 3000 });
  const first = await broker.connect({ sasl: admin });
  const token = await create(first, { ownerPrincipalName: "alice" });
  const connection = await broker.connect({ sasl: saslOf(token) });
  await pause(1100); // nobody proves himself again sooner
  const renewed = await first.request(RenewDelegationToken, 2, {
    hmac: token.hmac.slice(),
    renewPeriodMs: -1,
  });
  // The super user is neither owner nor renewer.
  assertEquals(renewed.errorCode, 63);
  const own = await create(first, { renewers: [] });
  const byOwn = await broker.connect({ sasl: saslOf(own) });
  await pause(1100);
  const again = await first.request(RenewDelegationToken, 2, {
    hmac: own.hmac.slice(),
    renewPeriodMs: -1,
  });
  assertEquals(again.errorCode, 0);
  assert(again.expiryTimestampMs > own.expiryTimestampMs);
  assert(await logIn(byOwn, saslOf(own)) > 2000);
  await pause(1500);
  await serves(byOwn); // past the first end
  await assertRejects(() => logIn(connection, saslOf(own)), Error);
});

Deno.test("there are as many tokens as may be, of everybody and of each, and none with endless names", async () => {
  await using broker = await secured({ maxTokens: 5, maxTokensPerOwner: 2 });
  const first = await broker.connect({ sasl: admin });
  const codes = async (owners: string[]) => {
    const found = [];
    for (const ownerPrincipalName of owners) {
      found.push((await create(first, { ownerPrincipalName })).errorCode);
    }
    return found;
  };
  assertEquals(await codes(["a", "a", "a", "b", "b", "c", "d"]), [0, 0, 44, 0, 0, 0, 44]);
  const { tokens } = await first.request(DescribeDelegationToken, 3, { owners: null });
  const gone = await first.request(ExpireDelegationToken, 2, {
    hmac: tokens[0].hmac.slice(),
    expiryTimePeriodMs: -1,
  });
  assertEquals(gone.errorCode, 63); // whose it is not, though it asked for it
  const renewers = Array.from({ length: 100 }, (_, i) => ({
    principalType: "User",
    principalName: `${i}`.repeat(100),
  }));
  await using roomy = await secured();
  const connection = await roomy.connect({ sasl: admin });
  assertEquals((await create(connection, { renewers })).errorCode, 44);
  assertEquals((await create(connection, { renewers: renewers.slice(0, 50) })).errorCode, 0);
});

Deno.test("expired tokens are removed from the metadata, now and then", async () => {
  await using broker = await secured({ expiryCheckIntervalMs: 100 });
  const first = await broker.connect({ sasl: admin });
  await create(first, { maxLifetimeMs: 200 });
  const kept = await create(first);
  await within(
    (async () => {
      while ((await idsAt(first)).length > 1) await pause(20);
    })(),
    "the removal",
    10_000,
  );
  assertEquals(await idsAt(first), [kept.tokenId]);
});

Deno.test("over TLS tokens are for who shows a certificate, and not for who proves nothing", async () => {
  const authority = await Authority.make();
  await using folder = await CertificateFolder.make();
  await folder.write(await authority.issue());
  await folder.trust(authority);
  await using broker = await TestBroker.start({
    listeners: [{ name: "SECURE", protocol: "SSL", port: 0, clientAuth: "requested" }],
    tls: folder.files,
    insecure: true,
    delegationToken: { secretKey: SECRET_KEY },
  });
  const ask = async (shown?: { certificate: string; key: string }) => {
    const dial = dialTls([authority], shown);
    return await create(await broker.connect({ host: "localhost", dial }));
  };
  assertEquals((await ask()).errorCode, 64);
  const wish = { name: "CN=alice", purposes: [CLIENT_AUTH] };
  const { errorCode, principalName } = await ask(await authority.issue(wish));
  assertEquals([errorCode, principalName], [0, "CN=alice"]);
});
