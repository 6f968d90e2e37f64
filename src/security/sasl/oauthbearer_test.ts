/**
 * Proves which tokens get in: those that a key of the configured set signed, for us, of our issuer, and not over. Whatever a
 * token says of keys is not looked at, and the set is read again at its time only.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  exportJWK,
  generateKeyPair,
  type JWTHeaderParameters,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from "jose";
import { BearerTokens } from "./bearer_tokens.ts";
import { BearerLogin } from "./oauthbearer.ts";
import { fetchKeys, SigningKeys } from "./signing_keys.ts";

const NOW_MS = 1_700_000_000_000, NOW_S = NOW_MS / 1000;
const utf8 = (text: string) => new TextEncoder().encode(text);
const ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"];

interface Issuer {
  readonly keys: Record<string, unknown>[];
  readonly privateKeys: ReadonlyMap<string, CryptoKey>;
}

async function newIssuer(prefix: string): Promise<Issuer> {
  const keys = [], privateKeys = new Map<string, CryptoKey>();
  for (const algorithm of ALGORITHMS) {
    const { publicKey, privateKey } = await generateKeyPair(algorithm);
    keys.push({ ...await exportJWK(publicKey), kid: prefix + algorithm, alg: algorithm });
    privateKeys.set(algorithm, privateKey);
  }
  return { keys, privateKeys };
}

const issuer = await newIssuer(""), stranger = await newIssuer("");

const GOOD: JWTPayload = { iss: "us", aud: ["other", "kafka"], sub: "carol", exp: NOW_S + 60 };

function sign(
  payload: JWTPayload,
  { by = issuer, algorithm = "ES256", header = {} }: {
    by?: Issuer;
    algorithm?: string;
    header?: Partial<JWTHeaderParameters>;
  } = {},
): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg: algorithm, kid: algorithm, ...header })
    .sign(by.privateKeys.get(algorithm)!);
}

class World {
  nowMs = 0;
  reads = 0;
  set: unknown = { keys: issuer.keys };
  readonly refused: string[] = [];
  readonly problems: string[] = [];
  readonly keys = new SigningKeys({
    read: () => {
      this.reads++;
      return this.set === null
        ? Promise.reject(new Error("nobody answers"))
        : Promise.resolve(utf8(JSON.stringify(this.set)));
    },
    monotonicMs: () => this.nowMs,
    onProblem: (reason) => this.problems.push(reason),
  });
  readonly tokens = new BearerTokens(this.keys, {
    issuer: "us",
    audiences: ["kafka"],
    principalClaim: "sub",
    clockSkewSeconds: 30,
    nowMs: () => NOW_MS,
    onRefused: (reason) => this.refused.push(reason),
  });
}

Deno.test("tokens signed by RS, PS, ES and EdDSA keys of the set get in, until they end", async () => {
  const { tokens } = new World();
  for (const algorithm of ALGORITHMS) {
    const proved = await tokens.verify(await sign(GOOD, { algorithm }));
    assertEquals(proved, { name: "carol", expiresAtMs: NOW_MS + 60_000 }, algorithm);
  }
});

Deno.test("a token without signature, or with one that the verifier could make itself, is refused", async () => {
  const world = new World();
  assertEquals(await world.tokens.verify(new UnsecuredJWT(GOOD).encode()), null);
  const publicKey = utf8(JSON.stringify(issuer.keys[0]));
  for (const alg of ["HS256", "HS384", "HS512"]) {
    const token = new SignJWT(GOOD).setProtectedHeader({ alg, kid: "RS256" });
    const key = new Uint8Array([...publicKey, ...new Uint8Array(64)]);
    assertEquals(await world.tokens.verify(await token.sign(key)), null, alg);
  }
  assertEquals(world.refused.length, 4);
});

Deno.test("keys that a token brings along, or says where to get, are not looked at", async () => {
  const { tokens } = new World(), jwk = stranger.keys[2];
  for (
    const header of [
      { jwk, kid: undefined },
      { jku: "http://127.0.0.1:1/keys" },
      { x5u: "http://127.0.0.1:1/certificate" },
      { jwk, jku: "http://127.0.0.1:1/keys", x5c: ["AAAA"] },
    ] as Partial<JWTHeaderParameters>[]
  ) {
    assertEquals(await tokens.verify(await sign(GOOD, { by: stranger, header })), null);
  }
});

Deno.test("iss, aud and exp have to be there and ours, clocks may be apart by the skew, and the name is a name", async () => {
  const { tokens } = new World();
  const refused: JWTPayload[] = [
    { ...GOOD, iss: "them" },
    { ...GOOD, iss: undefined },
    { ...GOOD, aud: "other" },
    { ...GOOD, aud: undefined },
    { ...GOOD, exp: undefined },
    { ...GOOD, exp: NOW_S - 31 },
    { ...GOOD, nbf: NOW_S + 31 },
    { ...GOOD, sub: undefined },
    { ...GOOD, sub: "" },
    { ...GOOD, sub: 7 as unknown as string },
  ];
  for (const payload of refused) {
    assertEquals(await tokens.verify(await sign(payload)), null, JSON.stringify(payload));
  }
  for (const payload of [{ ...GOOD, exp: NOW_S - 29 }, { ...GOOD, nbf: NOW_S + 29 }]) {
    assertEquals((await tokens.verify(await sign(payload)))?.name, "carol");
  }
  for (const nonsense of ["", "a.b", "a.b.c", `${await sign(GOOD)}x`]) {
    assertEquals(await tokens.verify(nonsense), null);
  }
});

Deno.test("a kid that is not there has the set read again, once in 30 s, and one that cannot be read leaves the last", async () => {
  const world = new World();
  const verify = async (header = {}) => await world.tokens.verify(await sign(GOOD, { header }));
  assertEquals([(await verify())?.name, world.reads], ["carol", 1]);
  // Many at once with a kid of their own invention: one reading at most.
  world.nowMs = 30_000;
  await Promise.all(Array.from({ length: 50 }, (_, i) => verify({ kid: `made up ${i}` })));
  assertEquals(world.reads, 2);
  await verify({ kid: "another" });
  assertEquals(world.reads, 2);
  world.nowMs = 60_000;
  world.set = null;
  assertEquals(await verify({ kid: "another" }), null);
  assertEquals([world.reads, world.problems], [3, ["nobody answers"]]);
  assertEquals((await verify())?.name, "carol");
  // A new key is found when the time has come.
  world.set = { keys: [...issuer.keys, { ...issuer.keys[2], kid: "another" }] };
  world.nowMs = 89_999;
  assertEquals(await verify({ kid: "another" }), null);
  world.nowMs = 90_000;
  assertEquals((await verify({ kid: "another" }))?.name, "carol");
});

Deno.test("a set without public keys of signatures is none", async () => {
  for (const set of [{}, [], "x", { keys: [] }, { keys: [{ kty: "oct", k: "AAAA" }] }]) {
    const world = new World();
    world.set = set;
    assertEquals(await world.tokens.verify(await sign(GOOD)), null);
    assertEquals(world.problems.length, 1, JSON.stringify(set));
  }
});

Deno.test("the exchange: a good token is one message, a refused one is told of and fails with the next", async () => {
  const { tokens } = new World();
  const good = await new BearerLogin(tokens).step(
    utf8(`n,,\x01auth=Bearer ${await sign(GOOD)}\x01\x01`),
  );
  if (good.kind !== "done") throw new Error(JSON.stringify(good));
  assertEquals([good.principal, good.expiresAtMs], ["User:carol", NOW_MS + 60_000]);
  const machine = new BearerLogin(tokens);
  const bad = await machine.step(utf8("n,,\x01auth=Bearer a.b.c\x01\x01"));
  const token = utf8('{"status":"invalid_token"}');
  assertEquals(bad, { kind: "challenge", token, isRefusal: true });
  const end = await machine.step(Uint8Array.of(1));
  assertEquals(end, { kind: "failed", message: '{"status":"invalid_token"}' });
  // A refused token is not made good by another in the same log-in.
  const again = new BearerLogin(tokens);
  await again.step(utf8("n,,\x01auth=Bearer a.b.c\x01\x01"));
  const second = await again.step(utf8(`n,,\x01auth=Bearer ${await sign(GOOD)}\x01\x01`));
  assertEquals(second.kind, "failed");
});

Deno.test("messages that are not in order fail, and who wants to be another than the token says", async () => {
  const { tokens } = new World(), token = await sign(GOOD);
  const one = async (message: string) => await new BearerLogin(tokens).step(utf8(message));
  for (
    const message of [
      "",
      "\x01",
      `y,,\x01auth=Bearer ${token}\x01\x01`,
      `n,,\x01auth=Basic ${token}\x01\x01`,
      `n,,\x01auth=Bearer ${token}\x01`,
      `n,,\x01host=a\x01\x01`,
      `n,,\x01auth=Bearer ${token}\x01auth=Bearer ${token}\x01\x01`,
    ]
  ) {
    assertEquals(await one(message), { kind: "failed", message: null }, JSON.stringify(message));
  }
  const other = await one(`n,a=root,\x01auth=Bearer ${token}\x01\x01`);
  assert(other.kind === "failed" && other.message!.includes("(root)"));
  assertEquals((await one(`n,a=carol,\x01auth=Bearer ${token}\x01traceId=1\x01\x01`)).kind, "done");
});

Deno.test("keys are fetched without redirects, up to 256 KiB", async () => {
  const stop = new AbortController();
  const server = Deno.serve({ port: 0, signal: stop.signal, onListen: () => {} }, (request) => {
    switch (new URL(request.url).pathname) {
      case "/good":
        return new Response("{}");
      case "/large":
        return new Response("x".repeat(256 * 1024 + 1));
      case "/moved":
        return Response.redirect(new URL("/good", request.url));
      default:
        return new Response("", { status: 404 });
    }
  });
  const at = (path: string) => fetchKeys(`http://127.0.0.1:${server.addr.port}${path}`);
  assertEquals(new TextDecoder().decode(await at("/good")), "{}");
  await assertRejects(() => at("/large"), Error, "262144");
  await assertRejects(() => at("/moved"));
  await assertRejects(() => at("/absent"), Error, "404");
  stop.abort();
  await server.finished;
});

Deno.test("a session ends with its token; one that is over by this clock alone ends with what clocks may differ", async () => {
  const { tokens } = new World();
  const endsMs = async (exp: number) =>
    (await tokens.verify(await sign({ ...GOOD, exp })))?.expiresAtMs ?? null;
  assertEquals(await endsMs(NOW_S + 1), NOW_MS + 1000);
  assertEquals(await endsMs(NOW_S - 10), NOW_MS + 20_000);
  assertEquals(await endsMs(NOW_S - 31), null);
  for (const exp of [1e16, 1e300]) assertEquals(await endsMs(exp), 8.64e15);
});

Deno.test("a key that was taken out of the set is no more good some minutes later, and one without kid within half a minute", async () => {
  const world = new World(), token = await sign(GOOD), { keys } = issuer;
  assertEquals((await world.tokens.verify(token))?.name, "carol");
  world.set = { keys: keys.filter(({ alg }) => alg !== "ES256") };
  world.nowMs += 5 * 60_000;
  await world.tokens.verify(token); // has the set read, and does not wait for that
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(await world.tokens.verify(token), null);
  // One that cannot be read leaves what was there.
  world.set = null;
  world.nowMs += 3_600_000;
  await world.tokens.verify(token);
  const other = await sign(GOOD, { algorithm: "RS256" });
  assertEquals((await world.tokens.verify(other))?.name, "carol");

  const nameless = new World(), bare = ({ kid: _, ...rest }: Record<string, unknown>) => rest;
  const without = { header: { kid: undefined } };
  nameless.set = { keys: [bare(stranger.keys[2])] };
  assertEquals(await nameless.tokens.verify(await sign(GOOD, without)), null);
  nameless.set = { keys: [bare(keys[2])] };
  nameless.nowMs += 30_000;
  assertEquals((await nameless.tokens.verify(await sign(GOOD, without)))?.name, "carol");
  const reads = nameless.reads;
  await nameless.tokens.verify(await sign(GOOD, without));
  assertEquals(nameless.reads, reads);
});
