/** Proves that users who are not there look like those who are, as often as they do, each always the same. */
import { assert, assertEquals } from "@std/assert";
import { type CredentialLook, Population } from "./population.ts";
import { ScramLogin } from "./scram.ts";
import { hashOf, mockCredential } from "./scram_credential.ts";

const HASH = hashOf("SCRAM-SHA-256")!, SECRET = new TextEncoder().encode("of this server");
const OTHERWISE: CredentialLook = { iterations: 8192, saltBytes: null };

/** So many users of each look. */
function users(...looks: readonly (CredentialLook & { readonly count: number })[]) {
  return looks.flatMap((look) =>
    Array.from(
      { length: look.count },
      (_, i) => mockCredential(HASH, { secret: SECRET, name: `u${i}`, look }),
    )
  );
}

const MIXED = users(
  { iterations: 4096, saltBytes: null, count: 60 },
  { iterations: 8192, saltBytes: null, count: 30 },
  { iterations: 8192, saltBytes: 16, count: 9 },
  { iterations: 15_000, saltBytes: 40, count: 1 },
);

/** What a stranger sees of this name. */
async function seen(population: Population, name: string, token = ""): Promise<string> {
  const credentials = { find: () => null, findToken: () => null, population, secret: SECRET };
  const login = new ScramLogin(HASH, credentials, { newNonce: () => "nonce" });
  const step = await login.step(new TextEncoder().encode(`n,,n=${name},r=abc${token}`));
  if (step.kind !== "challenge") throw new Error(step.kind);
  const [, salt, count] = /,s=(.+),i=(\d+)$/.exec(new TextDecoder().decode(step.token))!;
  const bytes = Uint8Array.fromBase64(salt);
  const isText = /^[0-9a-z]{23,26}$/.test(new TextDecoder().decode(bytes));
  return `${count} ${isText ? "text" : bytes.length}`;
}

Deno.test("of many names that nobody has as many look like each kind of user as there are of it", async () => {
  const population = new Population(MIXED, OTHERWISE), counts = new Map<string, number>();
  for (let i = 0; i < 4000; i++) {
    const look = await seen(population, `nobody${i}`);
    counts.set(look, (counts.get(look) ?? 0) + 1);
  }
  const shares = { "4096 text": 0.6, "8192 text": 0.3, "8192 16": 0.09, "15000 40": 0.01 };
  assertEquals([...counts.keys()].toSorted(), Object.keys(shares).toSorted());
  for (const [look, share] of Object.entries(shares)) {
    const found = counts.get(look)! / 4000;
    assert(Math.abs(found - share) < 0.03, `${look}: ${found}`);
  }
});

Deno.test("a name looks the same each time, and nearly all do when a user comes, or goes", async () => {
  const population = new Population(MIXED, OTHERWISE);
  const more = new Population([...MIXED, MIXED[70]], OTHERWISE);
  const fewer = new Population(MIXED.slice(1), OTHERWISE);
  const changed = [0, 0, 0];
  for (let i = 0; i < 1000; i++) {
    const now = await seen(population, `nobody${i}`);
    for (const [which, other] of [population, more, fewer].entries()) {
      if (await seen(other, `nobody${i}`) !== now) changed[which]++;
    }
  }
  assertEquals(changed[0], 0);
  assert(changed[1] < 30 && changed[2] < 30, `${changed}`);
});

Deno.test("where there is nobody all look like what would be made here, and tokens look like tokens", async () => {
  const nobody = new Population([], OTHERWISE);
  assertEquals(await seen(nobody, "a"), "8192 text");
  assertEquals(await seen(nobody, "a", ",tokenauth=true"), "4096 text");
  for (let i = 0; i < 20; i++) {
    assertEquals(
      await seen(new Population(MIXED, OTHERWISE), `t${i}`, ",tokenauth=true"),
      "4096 text",
    );
  }
});
