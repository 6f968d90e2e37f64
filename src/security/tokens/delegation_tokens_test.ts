/** Proves that tokens are found by what they are called and by their HMAC, as Kafka makes it, and by nothing else. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { credentialOf, hashOf, saltedPassword } from "../sasl/scram_credential.ts";
import { type DelegationToken, DelegationTokens } from "./delegation_tokens.ts";

const HASH = hashOf("SCRAM-SHA-256")!, SALT = new TextEncoder().encode("salt");

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
  assertEquals(tokens.credential(HASH, "one", SALT), null);
  assertEquals(tokens.all().map(({ token }) => token.tokenId), ["two"]);
});

Deno.test("what verifies a token is that of its HMAC in base64, and is made once", async () => {
  const { records, tokens } = world("one");
  const made = tokens.credential(HASH, "one", SALT);
  records.list = [token("one", 1)];
  records.version++;
  assert(made !== null && tokens.credential(HASH, "one", SALT) === made);
  const text = Buffer.from(tokens.hmacOf("one")).toString("base64");
  const asked = { password: new TextEncoder().encode(text), salt: SALT, iterations: 4096 };
  const salted = await saltedPassword(HASH, asked);
  assertEquals(await made, credentialOf(HASH, { salted, salt: SALT, iterations: 4096 }));
});
