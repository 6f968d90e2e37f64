/** Proves SCRAM with the exchange of RFC 7677, and that each departure from it fails as any other does. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { ScramLogin } from "./scram.ts";
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

async function login(): Promise<ScramLogin> {
  const salt = new Uint8Array(Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
  const asked = { password: utf8("pencil"), salt, iterations: 4096 };
  const user = credentialOf(HASH, { ...asked, salted: await saltedPassword(HASH, asked) });
  const find = (name: string) => name === "user" ? user : null;
  const credentials = { find, usualIterations: 4096, secret: SECRET };
  return new ScramLogin(HASH, credentials, { newNonce: () => SERVER_NONCE });
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

Deno.test("a delegation token's id is nobody's", async () => {
  const machine = await login();
  const step = await machine.step(utf8(`${FIRST},tokenauth=true`));
  assert(step.kind === "challenge" && text(step.token) !== CHALLENGE);
});

Deno.test("an old librdkafka, which says its own nonce twice, gets in with the proof of what it said", async () => {
  const machine = await login();
  await machine.step(utf8(FIRST));
  const nonce = `rOprNGfwEbeRWgbNEkqOrOprNGfwEbeRWgbNEkqO${SERVER_NONCE}`;
  const withoutProof = `c=biws,r=${nonce}`;
  const salt = new Uint8Array(Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
  const salted = await saltedPassword(HASH, { password: utf8("pencil"), salt, iterations: 4096 });
  const key = hmac(HASH, salted, "Client Key");
  const signed = `${FIRST.slice(3)},${CHALLENGE},${withoutProof}`;
  const signature = hmac(HASH, digest(HASH, key), signed);
  const proof = Buffer.from(key.map((byte, i) => byte ^ signature[i])).toString("base64");
  assertEquals((await machine.step(utf8(`${withoutProof},p=${proof}`))).kind, "done");
});
