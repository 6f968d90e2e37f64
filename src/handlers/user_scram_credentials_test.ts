/**
 * SCRAM credentials, set and described over a metadata log in memory and through the codec. What is kept is compared
 * with the example of RFC 7677; codes and texts are those a Kafka 4.4.0 was seen to give.
 */
import { assertEquals } from "@std/assert";
import { pbkdf2Sync } from "node:crypto";
import { AlterUserScramCredentials } from "../protocol/messages/alter_user_scram_credentials.ts";
import { DescribeUserScramCredentials } from "../protocol/messages/describe_user_scram_credentials.ts";
import { adminFixture, ask } from "../testing/admin.ts";
import { alterUserScramCredentials } from "./alter_user_scram_credentials.ts";
import { describeUserScramCredentials } from "./describe_user_scram_credentials.ts";

const SHA_256 = 1, SHA_512 = 2;
const SALT = fromBase64("W22ZaJ0SNY7soEsUEjb6gQ==");

interface Upsertion {
  readonly name: string;
  readonly mechanism?: number;
  readonly iterations?: number;
  readonly salt?: Uint8Array;
  readonly saltedPassword?: Uint8Array;
}

async function start() {
  const { fixture } = await adminFixture();
  const alter = async (
    upsertions: Upsertion[],
    deletions: { name: string; mechanism: number }[] = [],
  ) => {
    const { results } = await ask(
      alterUserScramCredentials({ metadata: fixture.metadata }),
      AlterUserScramCredentials,
      0,
      {
        deletions,
        upsertions: upsertions.map((upsertion) => ({
          mechanism: SHA_256,
          iterations: 4096,
          salt: SALT,
          saltedPassword: new Uint8Array(upsertion.mechanism === SHA_512 ? 64 : 32),
          ...upsertion,
        })),
      },
    );
    return results.map(({ user, errorCode, errorMessage }) => [user, errorCode, errorMessage]);
  };
  const describe = async (users: string[] | null) => {
    const { results } = await ask(
      describeUserScramCredentials({ catalogue: fixture.catalogue }),
      DescribeUserScramCredentials,
      0,
      { users: users?.map((name) => ({ name })) ?? null },
    );
    return results.map(({ user, errorCode, credentialInfos }) => [
      user,
      errorCode,
      ...credentialInfos.map((info) => `${info.mechanism} ${info.iterations}`),
    ]);
  };
  return { fixture, alter, describe };
}

Deno.test("What verifies the password of RFC 7677's example is kept over a restart, and the password is not", async () => {
  const { fixture, alter } = await start();
  const saltedPassword = new Uint8Array(pbkdf2Sync("pencil", SALT, 4096, 32, "sha256"));
  assertEquals(await alter([{ name: "user", saltedPassword }]), [["user", 0, null]]);
  await fixture.restart({ wasClean: true });
  const [kept] = fixture.catalogue.kept("UserScramCredentialRecord");
  assertEquals({ ...kept }, {
    name: "user",
    mechanism: SHA_256,
    iterations: 4096,
    salt: SALT,
    storedKey: fromBase64("WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="),
    serverKey: fromBase64("wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="),
  });
});

Deno.test("Credentials are described without what verifies them, all or by user", async () => {
  const { alter, describe } = await start();
  await alter([{ name: "a" }, { name: "b", mechanism: SHA_512, iterations: 8192 }]);
  await alter([{ name: "a", mechanism: SHA_512 }]);
  const all = [["a", 0, "1 4096", "2 4096"], ["b", 0, "2 8192"]];
  assertEquals(await describe(null), all);
  assertEquals(await describe([]), all);
  assertEquals(await describe(["b", "nobody"]), [["b", 0, "2 8192"], ["nobody", 91]]);
  assertEquals(await describe(["b", "b"]), [["b", 92]]);
});

Deno.test("A credential is deleted alone", async () => {
  const { alter, describe } = await start();
  await alter([{ name: "a" }]);
  await alter([{ name: "a", mechanism: SHA_512 }]);
  const gone = [{ name: "a", mechanism: SHA_256 }];
  assertEquals(await alter([], gone), [["a", 0, null]]);
  assertEquals(await describe(null), [["a", 0, "2 4096"]]);
  const again = "Attempt to delete a user credential that does not exist";
  assertEquals(await alter([], gone), [["a", 91, again]]);
});

Deno.test("Bad credentials are refused, and the others of the request are set", async () => {
  const { alter, describe } = await start();
  const outcomes = await alter([
    { name: "" },
    { name: "low", iterations: 4095 },
    { name: "high", iterations: 16_385 },
    { name: "odd", mechanism: 3 },
    { name: "salt", salt: new Uint8Array(0) },
    { name: "short", saltedPassword: new Uint8Array(3) },
    { name: "twice" },
    { name: "twice", mechanism: SHA_512 },
    { name: "fine" },
  ]);
  assertEquals(outcomes, [
    ["twice", 92, "A user credential cannot be altered twice in the same request"],
    ["", 93, "Username must not be empty"],
    ["low", 93, "Too few iterations"],
    ["high", 93, "Too many iterations"],
    ["odd", 33, "Unknown SCRAM mechanism"],
    ["salt", 93, "Salt must not be empty"],
    ["short", 93, "Salted password has 3 bytes, needs 32"],
    ["fine", 0, null],
  ]);
  assertEquals(await describe(null), [["fine", 0, "1 4096"]]);
});

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}
