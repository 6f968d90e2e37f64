/** Proves that tokens are found by what they are called and by their HMAC, as Kafka makes it, and by nothing else. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { Derivations } from "../sasl/derivations.ts";
import { credentialOf, hashOf, saltedPassword } from "../sasl/scram_credential.ts";
import { type DelegationToken, DelegationTokens } from "./delegation_tokens.ts";

const HASH = hashOf("SCRAM-SHA-256")!, SALT = new TextEncoder().encode("salt");
const HOW = { salt: SALT, derivations: new Derivations() };

function token(tokenId: string, expirationTimestamp = 2): DelegationToken {
  return {
    tokenId,
    owner: "User:alice",
    requester: "User:alice",
    renewers: [],
    issueTimestamp: 0,
    maxTimestamp: 2,
    expirationTimestamp,
  };
}

function world(...ids: string[]) {
  const records = { version: 0, list: ids.map((id) => token(id)), all: () => records.list };
  return { records, tokens: new DelegationTokens("ä key", records) };
}

Deno.test("a token's HMAC is the HMAC-SHA-512 of its id under the key in UTF-8", () => {
  const { tokens } = world("one");
  const due = createHmac("sha512", Buffer.from("ä key", "utf8")).update("one").digest();
  assertEquals(Buffer.from(tokens.hmacOf("one")), due);
  assertEquals(tokens.findByHmac(due)?.tokenId, "one");
  assertEquals(tokens.findByHmac(due.subarray(1)), null);
  assertEquals(tokens.findByHmac(new Uint8Array(0)), null);
  assertEquals(tokens.findByHmac(tokens.hmacOf("two")), null);
});

Deno.test("what becomes of tokens is seen with the next version of the metadata", () => {
  const { records, tokens } = world("one");
  assertEquals([tokens.find("one")?.tokenId, tokens.find("two")], ["one", null]);
  records.list = [token("one", 1), token("two")];
  records.version++;
  assertEquals(tokens.find("one")?.expirationTimestamp, 1);
  assertEquals(tokens.findByHmac(tokens.hmacOf("two"))?.tokenId, "two");
  records.list = [token("two")];
  records.version++;
  assertEquals([tokens.find("one"), tokens.findByHmac(tokens.hmacOf("one"))], [null, null]);
  assertEquals(tokens.credential(HASH, "one", HOW), null);
  assertEquals(tokens.all().map(({ tokenId }) => tokenId), ["two"]);
});

Deno.test("thousands of tokens are made ready in turns, also those that come meanwhile, without those that go", async () => {
  const { records, tokens } = world(...Array.from({ length: 2000 }, (_, i) => `${i}`));
  let turns = 0;
  const turn = {
    isLong: true,
    next: () => {
      if (++turns === 10) {
        records.list = [...records.list.slice(100), token("new")];
        records.version++;
      }
      return Promise.resolve();
    },
  };
  await tokens.prepare(turn);
  assertEquals(turns, 1910); // 90 of those that went had none yet, and behind the last there is nothing to do
  assertEquals(tokens.findByHmac(tokens.hmacOf("new"))?.tokenId, "new");
  assertEquals(tokens.findByHmac(tokens.hmacOf("1999"))?.tokenId, "1999");
  assertEquals(tokens.findByHmac(tokens.hmacOf("5")), null);
});

Deno.test("what verifies a token is that of its HMAC in base64, and is made once", async () => {
  const { records, tokens } = world("one");
  const made = tokens.credential(HASH, "one", HOW);
  records.list = [token("one", 1)];
  records.version++;
  assert(made !== null && tokens.credential(HASH, "one", HOW) === made);
  const text = Buffer.from(tokens.hmacOf("one")).toString("base64");
  const asked = { password: new TextEncoder().encode(text), salt: SALT, iterations: 4096 };
  const salted = await saltedPassword(HASH, asked);
  assertEquals(await made, credentialOf(HASH, { salted, salt: SALT, iterations: 4096 }));
});

Deno.test("where too many log in at once a token is asked for again, and is made then", async () => {
  const { tokens } = world("one");
  let isBusy = true;
  const derivations = {
    run: (work: () => Promise<unknown>) => isBusy ? Promise.resolve("busy") : work(),
  } as unknown as Derivations;
  const how = { salt: SALT, derivations };
  assertEquals(await tokens.credential(HASH, "one", how), "busy");
  isBusy = false;
  assert(await tokens.credential(HASH, "one", how) !== "busy");
});

Deno.test("two are worked on at once, a thousand wait, and the next is not taken", async () => {
  const derivations = new Derivations(), open: (() => void)[] = [];
  const one = () =>
    derivations.run(() => new Promise<string>((done) => open.push(() => done("x"))));
  const asked = Array.from({ length: 1002 }, one);
  assertEquals(open.length, 2);
  assertEquals(await one(), "busy");
  for (let done = 0; done < 1002; done++) {
    open[done]();
    await asked[done];
    await Promise.resolve();
    assert(open.length <= done + 3);
  }
  const failing = derivations.run(() => Promise.reject(new Error("no")));
  assertEquals(await failing.catch((error) => error.message), "no");
  const after = one();
  open.at(-1)!();
  assertEquals(await after, "x");
});
