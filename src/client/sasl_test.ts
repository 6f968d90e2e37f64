/** Proves that a client gives its proof to no broker that makes it cheap, by a broker made up here. */
import { assertEquals, assertRejects } from "@std/assert";
import type { Connection } from "./connection.ts";
import { logIn } from "./sasl.ts";

/** Answers SaslHandshake, then the first token with so many iterations; keeps the tokens it was given. */
function brokerWith(iterations: number): { connection: Connection; tokens: string[] } {
  const tokens: string[] = [];
  const connection = {
    versionFor: () => 1,
    request: (_: unknown, __: number, body: { authBytes?: Uint8Array }) => {
      const fine = { errorCode: 0, errorMessage: null, mechanisms: [], sessionLifetimeMs: 0n };
      if (body.authBytes === undefined) return Promise.resolve(fine);
      const token = new TextDecoder().decode(body.authBytes);
      tokens.push(token);
      const [, nonce] = /,r=(.*)$/.exec(token) ?? [];
      const answer = nonce === undefined ? "e=no" : `r=${nonce}x,s=AAAA,i=${iterations}`;
      return Promise.resolve({ ...fine, authBytes: new TextEncoder().encode(answer) });
    },
  };
  return { connection: connection as unknown as Connection, tokens };
}

const sasl = { mechanism: "SCRAM-SHA-256", username: "alice", password: "pencil" } as const;

Deno.test("a broker that asks for fewer iterations than 4096 gets no proof", async () => {
  for (const iterations of [0, 1, 4095, 1_000_001]) {
    const { connection, tokens } = brokerWith(iterations);
    await assertRejects(() => logIn(connection, sasl), Error, `asks for ${iterations} iterations`);
    assertEquals(tokens.length, 1);
  }
});

Deno.test("a broker that does not know the password is found out", async () => {
  const { connection, tokens } = brokerWith(4096);
  await assertRejects(() => logIn(connection, sasl), Error, "does not know the password");
  assertEquals(tokens.length, 2);
});
