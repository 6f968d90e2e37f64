/**
 * `runnel acl` at a broker that asks for log-ins: it logs in by --client-config, says what is decided and by which rule, and
 * keeps its user from locking everybody out.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { addToFile } from "../../src/cli/user/users_file.ts";
import { hashOf, newCredential } from "../../src/security/sasl/scram_credential.ts";
import { typed } from "./command_line.ts";
import { type Settings, TestBroker } from "./harness.ts";

interface Said {
  readonly code: number;
  readonly lines: readonly string[];
  readonly error: string;
}

interface World {
  /** `runnel acl` as somebody. */
  acl(who: string, ...args: string[]): Promise<Said>;
}

/** A broker with the super user root, and ann and bob, who may do nothing yet. */
async function withBroker(
  body: (world: World) => Promise<void>,
  settings: Settings = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const hash = hashOf("SCRAM-SHA-256")!, usersFile = `${folder}/users`;
    const names = ["root", "ann", "bob"];
    addToFile(
      usersFile,
      await Promise.all(names.map(async (name) => ({
        name,
        mechanism: hash.mechanism,
        credential: await newCredential(hash, "pw", 4096),
      }))),
    );
    for (const name of names) {
      const properties = [
        "security.protocol=SASL_PLAINTEXT",
        "sasl.mechanism=SCRAM-SHA-256",
        `sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="${name}" password="pw";`,
      ];
      await Deno.writeTextFile(`${folder}/${name}`, properties.join("\n"), { mode: 0o600 });
    }
    await using broker = await TestBroker.start({
      authorization: { superUsers: ["User:root"] },
      ...settings,
      auth: { enabled: true, mechanism: ["SCRAM-SHA-256"], usersFile },
    });
    await body({
      async acl(who, ...args) {
        const at = [`--bootstrap=localhost:${broker.port}`, `--client-config=${folder}/${who}`];
        const { code, out, error } = await typed("acl", ...args, ...at);
        return { code, lines: out.split("\n").slice(0, -1), error };
      },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("runnel acl logs in, adds, lists and removes, and tells who may not", async () => {
  await withBroker(async ({ acl }) => {
    const denied = await acl("ann", "list");
    assertEquals(denied.code, 1);
    assert(denied.error.includes("CLUSTER_AUTHORIZATION_FAILED"), denied.error);
    const rule = "User:bob: allow read on topic:orders- (prefixed)";
    const add = ["add", "bob", "read", "topic:orders-", "--prefixed"];
    assertEquals(await acl("root", ...add), { code: 0, lines: [rule], error: "" });
    assertEquals((await acl("root", "list")).lines, [
      "USER      RULE   OPERATION  RESOURCE                  HOST",
      "User:bob  allow  read       topic:orders- (prefixed)  *",
    ]);
    assertEquals(JSON.parse((await acl("root", "list", "--json")).lines.join()), {
      user: "User:bob",
      rule: "allow",
      operation: "read",
      resource: { type: "topic", name: "orders-" },
      prefixed: true,
      host: "*",
    });
    const remove = ["remove", ...add.slice(1)];
    assertEquals((await acl("root", ...remove)).lines, [rule]);
    const again = await acl("root", ...remove);
    assertEquals([again.code, again.lines], [1, []]);
    assert(again.error.includes(rule), again.error);
  });
});

Deno.test("runnel acl check says what is decided and by which rule, super users among them", async () => {
  await withBroker(async ({ acl }) => {
    const check = async (...words: string[]) => {
      const { code, lines } = await acl("root", "check", ...words);
      return [code, ...lines];
    };
    assertEquals(await check("bob", "write", "topic:t"), [3, "denied, by: no ACL is of it"]);
    await acl("root", "add", "bob", "write", "topic:t");
    const allow = "User:bob: allow write on topic:t";
    assertEquals(await check("bob", "write", "topic:t"), [0, `allowed, by: ${allow}`]);
    assertEquals(await check("bob", "describe", "topic:t"), [0, `allowed, by: ${allow}`]);
    assertEquals(await check("bob", "read", "topic:t"), [3, "denied, by: no ACL allows it"]);
    await acl("root", "add", "*", "all", "topic:t", "--deny", "--host", "10.0.0.1");
    assertEquals(await check("bob", "write", "topic:t", "--host", "::ffff:10.0.0.1"), [
      3,
      "denied, by: User:*: deny all on topic:t from 10.0.0.1",
    ]);
    assertEquals(await check("bob", "write", "topic:t"), [0, `allowed, by: ${allow}`]);
    assertEquals(await check("root", "delete", "topic:t", "--host", "10.0.0.1"), [
      0,
      "allowed, by: a super user of the broker's configuration (authorization.super_users, or auth.plain_username)",
    ]);
    for (const words of [["bob", "all", "topic:t"], ["bob", "read", "topic:t", "--deny"]]) {
      const { code, lines, error } = await acl("root", "check", ...words);
      assertEquals([code, lines], [1, []]);
      assertMatch(error, /^runnel: acl check: .*\n$/);
    }
  });
});

Deno.test("runnel acl check knows that a broker asks no ACLs, and that it allows what none is of", async () => {
  const words = ["check", "bob", "read", "topic:t"];
  await withBroker(async ({ acl }) => {
    const { code, lines } = await acl("ann", ...words);
    assertEquals([code, ...lines], [
      0,
      "allowed, by: the broker asks no ACLs (authorization.mode)",
    ]);
  }, { authorization: { mode: "off" } });
  const open = { superUsers: ["User:root"], allowEveryoneIfNoAclFound: true };
  await withBroker(async ({ acl }) => {
    const { code, lines } = await acl("root", ...words);
    assertEquals([code, ...lines], [
      0,
      "allowed, by: no ACL is of it, and authorization.allow_everyone_if_no_acl_found is set",
    ]);
  }, { authorization: open });
});

Deno.test("what would leave nobody who may change ACLs is done by --force only", async () => {
  await withBroker(async ({ acl }) => {
    const codes = async (...args: string[]) => [
      (await acl("root", ...args)).code,
      (await acl("root", ...args, "--force")).code,
    ];
    await acl("root", "add", "ann", "alter", "cluster");
    await acl("root", "add", "ann", "describe", "cluster");
    assertEquals(await codes("remove", "ann", "alter", "cluster"), [1, 0]);
    await acl("root", "add", "ann", "all", "cluster");
    // A deny takes as much as a removal.
    assertEquals(await codes("add", "*", "alter", "cluster", "--deny"), [1, 0]);
    await acl("root", "remove", "*", "alter", "cluster", "--deny");
    // From one host it leaves the others; of another right it takes nothing.
    const free = ["add", "*", "alter", "cluster", "--deny", "--host=10.0.0.1"];
    assertEquals((await acl("root", ...free)).code, 0);
    assertEquals((await acl("root", "add", "*", "create", "cluster", "--deny")).code, 0);
    // With a second one the first may go.
    await acl("root", "add", "bob", "alter", "cluster", "--host=127.0.0.1");
    assertEquals((await acl("root", "remove", "ann", "all", "cluster")).code, 0);
    assertEquals((await acl("ann", "list")).code, 0); // by describe
    assertEquals(await codes("remove", "bob", "alter", "cluster", "--host=127.0.0.1"), [1, 0]);
    // Where nobody may in any case there is nothing to keep.
    assertEquals((await acl("root", "remove", "ann", "describe", "cluster")).code, 0);
  });
});
