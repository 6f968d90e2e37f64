/** Proves SCRAM with the exchange of RFC 7677, and that each departure from it fails as any other does. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { Population } from "./population.ts";
import { ScramLogin, type TokenLogin } from "./scram.ts";
import { credentialOf, digest, hashOf, hmac, saltedPassword } from "./scram_credential.ts";
import { readClientFirst } from "./scram_message.ts";

const HASH = hashOf("SCRAM-SHA-256")!;
const utf8 = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const SECRET = utf8("of this server");
const SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const FIRST = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const CHALLENGE = `r=rOprNGfwEbeRWgbNEkqO${SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;
const FINAL = `c=biws,r=rOprNGfwEbeRWgbNEkqO${SERVER_NONCE},` +
  "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

/** Of the user "user", or with `byToken` of a token of that id. */
async function login(
  { tokens, byToken = false }: {
    tokens?: Pick<TokenLogin, "owner" | "expiresAtMs">;
    byToken?: boolean;
  } = {},
): Promise<ScramLogin> {
  const salt = new Uint8Array(Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
  const asked = { password: utf8("pencil"), salt, iterations: 4096 };
  const user = credentialOf(HASH, { ...asked, salted: await saltedPassword(HASH, asked) });
  const find = (name: string) => name === "user" && !byToken ? user : null;
  const findToken = (id: string) =>
    id === "user" && byToken ? { credential: Promise.resolve(user), ...tokens! } : null;
  const population = new Population([], { iterations: 4096, saltBytes: null });
  const credentials = { find, findToken, population, secret: SECRET };
  return new ScramLogin(HASH, credentials, { newNonce: () => SERVER_NONCE });
}

/** The second message of who knows the password, for another first one than RFC 7677 has. */
async function finalOf(
  bare: string,
  nonce = `rOprNGfwEbeRWgbNEkqO${SERVER_NONCE}`,
  extensions = "",
): Promise<Uint8Array> {
  const withoutProof = `c=biws,r=${nonce}${extensions}`;
  const salt = new Uint8Array(Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
  const salted = await saltedPassword(HASH, { password: utf8("pencil"), salt, iterations: 4096 });
  const key = hmac(HASH, salted, "Client Key");
  const signature = hmac(HASH, digest(HASH, key), `${bare},${CHALLENGE},${withoutProof}`);
  const proof = Buffer.from(key.map((byte, i) => byte ^ signature[i])).toString("base64");
  return utf8(`${withoutProof},p=${proof}`);
}

Deno.test("the exchange of RFC 7677 lets its user in, with the signature that proves the server", async () => {
  const machine = await login();
  const challenge = await machine.step(utf8(FIRST));
  assertEquals(challenge, { kind: "challenge", token: utf8(CHALLENGE) });
  const done = await machine.step(utf8(FINAL));
  if (done.kind !== "done") throw new Error(JSON.stringify(done));
  assertEquals(text(done.token), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  assertEquals([done.principal, done.isRevoked!()], ["User:user", false]);
});

Deno.test("a final message that differs anywhere fails, with nothing said of where", async () => {
  const wrong = [
    FINAL.replace("r=rOpr", "r=xOpr"),
    FINAL.replace(SERVER_NONCE, ""),
    FINAL.replace("r=rOpr", "r=x,rOpr"),
    FINAL.replace("r=rOpr", "r=xrOpr"),
    FINAL.replace("p=dHzb", "p=dHzc"),
    FINAL.replace(/p=.*/, "p=AAAA"),
    FINAL.replace(/p=.*/, "p="),
    FINAL.replace("c=biws", "c=eSws"),
    FINAL.replace("c=biws,", ""),
    FINAL + ",x=1",
    "",
  ];
  for (const final of wrong) {
    const machine = await login();
    await machine.step(utf8(FIRST));
    assertEquals(await machine.step(utf8(final)), { kind: "failed", message: null }, final);
  }
});

Deno.test("first messages that are not in order fail at once", async () => {
  const wrong = [
    "p=tls-unique,,n=user,r=abc", // a channel binding, which there is none of
    "n,n=user,r=abc",
    "n,,r=abc",
    "n,,n=,r=abc",
    "n,,n=user,r=",
    "n,,n=us=er,r=abc",
    "n,,n=us=2cer,r=abc",
    "n,,m=what,n=user,r=abc",
    "n,,n=user,r=a b",
    "n,,n=us\0er,r=abc",
    `n,,n=user,r=${"a".repeat(9000)}`,
  ];
  for (const first of wrong) {
    const step = await (await login()).step(utf8(first));
    assertEquals(step, { kind: "failed", message: null }, first);
  }
  const notUtf8 = Uint8Array.of(...utf8("n,,n="), 0xff, ...utf8(",r=abc"));
  assertEquals((await (await login()).step(notUtf8)).kind, "failed");
  const other = await (await login()).step(utf8("n,a=root,n=user,r=abc"));
  assert(other.kind === "failed" && other.message!.includes("authorization id"));
});

Deno.test("an extension that has to be known is in order nowhere (RFC 5802 §5.1), another one is passed over", async () => {
  const first = "n=user,r=rOprNGfwEbeRWgbNEkqO";
  for (const [extension, kind] of [[",x=y", "done"], [",m=y", "failed"]]) {
    const machine = await login();
    assertEquals((await machine.step(utf8(FIRST))).kind, "challenge");
    assertEquals((await machine.step(await finalOf(first, undefined, extension))).kind, kind);
    const other = (await (await login()).step(utf8(FIRST + extension))).kind;
    assertEquals(other, kind === "done" ? "challenge" : kind);
  }
});

Deno.test("names keep their commas and equals signs, and extensions are told apart from them", () => {
  const read = readClientFirst(utf8("n,a=a=2Cb,n=a=2Cb=3Dc,r=xyz,tokenauth=true"))!;
  assertEquals([read.authorizationId, read.name, read.nonce], ["a,b", "a,b=c", "xyz"]);
  assertEquals([...read.extensions], [["tokenauth", "true"]]);
  assertEquals([read.gs2Header, read.bare], ["n,a=a=2Cb,", "n=a=2Cb=3Dc,r=xyz,tokenauth=true"]);
});

Deno.test("a user that is not there is challenged in the same form, always the same, and cannot get in", async () => {
  const shape = /^r=abc.+,s=[A-Za-z0-9+/]{32,36}=*,i=4096$/, salts = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const machine = await login();
    const step = await machine.step(utf8("n,,n=nobody,r=abc"));
    if (step.kind !== "challenge") throw new Error(JSON.stringify(step));
    assert(shape.test(text(step.token)), text(step.token));
    salts.add(text(step.token));
    const final = `c=biws,r=abc${SERVER_NONCE},p=${"A".repeat(43)}=`;
    assertEquals(await machine.step(utf8(final)), { kind: "failed", message: null });
  }
  assertEquals(salts.size, 1);
});

Deno.test("who has a token is its owner, as long as it is good, and nobody is it by the token's id alone", async () => {
  let expiresAtMs: number | null = 5;
  const find = (byToken: boolean) =>
    login({ tokens: { owner: "User:alice", expiresAtMs: () => expiresAtMs }, byToken });
  const byToken = await find(true);
  assertEquals(await byToken.step(utf8(`${FIRST},tokenauth=TRUE`)), {
    kind: "challenge",
    token: utf8(CHALLENGE),
  });
  const done = await byToken.step(await finalOf(`${FIRST.slice(3)},tokenauth=TRUE`));
  if (done.kind !== "done") throw new Error(JSON.stringify(done));
  const { principal, isByToken } = done;
  assertEquals([principal, isByToken, done.expiresAtMs], ["User:alice", true, 5]);
  assertEquals(done.isRevoked!(), false);
  expiresAtMs = null;
  assertEquals(done.isRevoked!(), true);
  // It ended between the messages.
  const late = await find(true);
  await late.step(utf8(`${FIRST},tokenauth=true`));
  const step = await late.step(await finalOf(`${FIRST.slice(3)},tokenauth=true`));
  assertEquals(step, { kind: "failed", message: null });
});

Deno.test("a user is no token, and a token no user", async () => {
  const user = await login();
  const asToken = await user.step(utf8(`${FIRST},tokenauth=true`));
  assert(asToken.kind === "challenge" && text(asToken.token) !== CHALLENGE);
  const proved = await user.step(await finalOf(`${FIRST.slice(3)},tokenauth=true`));
  assertEquals(proved, { kind: "failed", message: null });
  for (const said of ["", ",tokenauth=false", ",other=true"]) {
    const tokens = { owner: "User:alice", expiresAtMs: () => 5 };
    const token = await login({ tokens, byToken: true });
    const asUser = await token.step(utf8(FIRST + said));
    assert(asUser.kind === "challenge" && text(asUser.token) !== CHALLENGE);
  }
});

Deno.test("an old librdkafka, which says its own nonce twice, gets in with the proof of what it said", async () => {
  const machine = await login();
  await machine.step(utf8(FIRST));
  const nonce = `rOprNGfwEbeRWgbNEkqOrOprNGfwEbeRWgbNEkqO${SERVER_NONCE}`;
  assertEquals((await machine.step(await finalOf(FIRST.slice(3), nonce))).kind, "done");
});
