/** `runnel token` against a broker: a token is made, listed, renewed and ended by its id, and its password is told once. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { typed } from "./command_line.ts";
import { TestBroker } from "./harness.ts";

async function told(args: readonly string[]): Promise<{ code: number; text: string }> {
  const { code, out, error } = await typed("token", ...args);
  return { code, text: `${out}${error}`.trimEnd() };
}

Deno.test("tokens are made, listed, renewed and ended from the command line, and one logs in", async () => {
  await using broker = await TestBroker.start({
    auth: {
      enabled: true,
      plainUsername: "admin",
      plainPassword: "of the broker",
      mechanism: ["PLAIN", "SCRAM-SHA-256"],
      failureDelayMs: 0,
    },
    delegationToken: { secretKey: "a secret key that nobody guesses" },
  });
  const folder = await Deno.makeTempDir({ prefix: "runnel-token-" });
  try {
    const at = `127.0.0.1:${broker.port}`;
    const config = async (mechanism: string, jaas: string) => {
      const file = `${folder}/${mechanism}.properties`,
        text = "security.protocol=SASL_PLAINTEXT\n" +
          `sasl.mechanism=${mechanism}\nsasl.jaas.config=x required ${jaas};\n`;
      await Deno.writeTextFile(file, text, { mode: 0o600 });
      return ["--bootstrap", at, "--client-config", file];
    };
    const admin = await config("PLAIN", 'username="admin" password="of the broker"');
    const run = (...words: string[]) => told([...words, ...admin]);
    assertEquals(await run("list"), {
      code: 0,
      text: "ID  OWNER  ASKED FOR BY  RENEWERS  ISSUED  EXPIRES  ENDS",
    });
    const made = await run("create", "--renewer=admin,User:b", "--owner", "alice", "--for=2h");
    assertEquals(made.code, 0);
    const [, id, password] = /^username {2}(\S{22})\npassword {2}(\S{88})\nowner {5}User:alice\n/
      .exec(made.text)!;
    const list = await run("list", "--owner=alice");
    assertStringIncludes(list.text, `${id}  User:alice  User:admin    User:admin,User:b  `);
    assert(!list.text.includes(password));
    assertEquals((await run("list", "--owner=nobody")).text.split("\n").length, 1);

    const byToken = await config(
      "SCRAM-SHA-256",
      `username="${id}" password="${password}" tokenauth="true"`,
    );
    const again = await told(["create", ...byToken]);
    assertEquals(again.code, 1);
    assertStringIncludes(again.text, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED");

    assertStringIncludes((await run("renew", id, "--for", "1h")).text, `${id} is good until 2`);
    assertStringIncludes((await run("expire", id, "--for", "30m")).text, `${id} is good until 2`);
    assertStringIncludes((await run("expire", id)).text, "Say --yes");
    assertEquals(await run("expire", id, "--yes"), { code: 0, text: `${id} is gone` });
    const gone = await run("expire", id, "--yes");
    assertEquals(gone.code, 1);
    assertStringIncludes(gone.text, "there is no token");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what cannot be is refused in words, before anybody is asked", async () => {
  const refused: [string[], string][] = [
    [[], "needs one of create, list, renew, expire"],
    [["drop"], "drop"],
    [["create", "x"], "too many arguments"],
    [["renew"], "missing required argument 'ID'"],
    [["expire", "a", "b"], "too many arguments"],
    [["list", "--for=1h"], "unknown option '--for=1h', which `runnel token create`"],
    [["renew", "a", "--owner=b"], "unknown option '--owner=b'"],
    [["create", "--owner=a,b"], "one owner"],
    [["create", "--for=1"], "--for 1"],
    [["create", "--for=0s"], "--for 0s"],
    [["create", "--renewer=,"], "is no user"],
    [["expire", "a", "--hmac=x"], "--hmac"],
  ];
  for (const [args, words] of refused) {
    const { code, out, error } = await typed("token", ...args);
    assertEquals([code, out], [1, ""]);
    assertStringIncludes(error, words);
  }
});
