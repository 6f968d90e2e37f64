/**
 * Proves what `runnel apply` and `runnel export` do at a running broker: a file is made so, once; --check only tells;
 * what cannot be is refused before anything is changed; what is refused midway is told, and goes on the next time.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Connection } from "../../src/client/connection.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { HOSTILE_NAMES } from "../../src/testing/random_state.ts";
import { jsonLines, type Typed, typed } from "./command_line.ts";
import { type Settings, TestBroker, withDirectory } from "./harness.ts";

const ACLS: Settings = { authorization: { mode: "on", superUsers: ["User:ANONYMOUS"] } };

interface World {
  readonly broker: TestBroker;
  readonly path: string;
  /** Puts the text there, and applies it. */
  apply(text: string, ...args: string[]): Promise<Typed>;
  export(): Promise<string>;
}

async function withBroker(
  body: (world: World) => Promise<void>,
  settings: Settings = ACLS,
): Promise<void> {
  await withDirectory(async (directory) => {
    await using broker = await TestBroker.start(settings);
    const at = `--bootstrap=127.0.0.1:${broker.port}`, path = `${directory}/state.toml`;
    await Deno.writeTextFile(`${directory}/alice.password`, "secret-of-alice\n", { mode: 0o600 });
    await body({
      broker,
      path,
      async apply(text, ...args) {
        await Deno.writeTextFile(path, text);
        return await typed("apply", "-f", path, ...args, at);
      },
      async export() {
        const { code, out, error } = await typed("export", at);
        assertEquals([code, error], [0, ""]);
        return out;
      },
    });
  });
}

const STATE = `
[topics.orders]
partitions = 3
configs = { "retention.ms" = 86400000, "min.cleanable.dirty.ratio" = 1 }
[topics.plain]
[groups.billing]
"consumer.session.timeout.ms" = 50000
[brokers]
"log.retention.ms" = 604800000
[users.alice]
SCRAM-SHA-512 = 8192
password_file = "alice.password"
[[acls]]
user = "alice"
allow = ["read", "describe"]
resource = "topic:orders"
prefixed = true
[[acls]]
user = "*"
deny = "write"
resource = "topic:orders"
host = "10.0.0.1"
[[quotas]]
user = "alice"
producer_byte_rate = 1000000
[[quotas]]
default_client_id = true
request_percentage = 50.5
`;

Deno.test("a file is made so once; a check tells what differs and changes nothing", async () => {
  await withBroker(async ({ apply, export: exported }) => {
    const before = await exported();
    const check = await apply(STATE, "--check");
    assertEquals([check.code, check.error], [2, ""]);
    assertStringIncludes(check.out, "+ topic orders: 3 partitions, retention.ms = 86400000");
    assertStringIncludes(check.out, "10 to add, 0 to change, 0 to remove");
    assertEquals(await exported(), before);
    const unasked = await apply(STATE);
    assertEquals(unasked.code, 1);
    assertStringIncludes(unasked.error, "Say --yes, since there is no terminal to ask at");
    assertEquals(await exported(), before);
    const done = await apply(STATE, "--yes");
    assertEquals([done.code, done.error], [0, ""]);
    assertEquals(done.out.split("\n").at(-2), "Done");
    for (const args of [[], ["--check"]]) {
      const again = await apply(STATE, ...args);
      assertEquals([again.code, again.out, again.error], [0, "Nothing to do\n", ""]);
    }
    const after = await exported();
    assert(!after.includes("secret"), after);
    const round = await apply(after, "--check");
    assertEquals([round.code, round.out], [0, "Nothing to do\n"]);
    const drift = await apply(
      after.replace('retention.ms" = 86400000', 'retention.ms" = 1000'),
      "--check",
    );
    assertEquals([drift.code, drift.out], [
      2,
      "~ topic orders: retention.ms = 1000 (was 86400000)\n0 to add, 1 to change, 0 to remove\n",
    ]);
  });
});

Deno.test("alice logs in with her password, which is set anew only when that is asked for", async () => {
  const listeners: Settings["listeners"] = [
    { name: "OPEN", protocol: "PLAINTEXT", port: 0 },
    { name: "LOGIN", protocol: "SASL_PLAINTEXT", port: 0 },
  ];
  const settings: Settings = {
    ...ACLS,
    listeners,
    insecure: true,
    auth: { mechanism: ["SCRAM-SHA-512"] },
  };
  await withBroker(async ({ broker, path, apply }) => {
    const logsIn = async (password: string) => {
      const sasl = { mechanism: "SCRAM-SHA-512", username: "alice", password } as const;
      const port = broker.portOf("LOGIN");
      try {
        (await Connection.open({ host: "127.0.0.1", port, sasl })).close();
        return true;
      } catch {
        return false;
      }
    };
    assertEquals(await logsIn("secret-of-alice"), false);
    assertEquals((await apply(STATE, "--yes")).code, 0);
    assertEquals(await logsIn("secret-of-alice"), true);
    await Deno.writeTextFile(`${path.replace(/state.toml$/, "")}alice.password`, "another");
    assertEquals((await apply(STATE, "--yes")).out, "Nothing to do\n");
    assertEquals(await logsIn("secret-of-alice"), true);
    const rotated = await apply(STATE, "--rotate", "alice", "--yes");
    assertStringIncludes(
      rotated.out,
      "~ user alice: SCRAM-SHA-512, 8192 iterations (password set anew)",
    );
    assertEquals([rotated.code, await logsIn("another")], [0, true]);
    assertEquals(await logsIn("secret-of-alice"), false);
  }, settings);
});

Deno.test("what the last apply listed and this one does not goes with --prune, and what others made stays", async () => {
  await withBroker(async ({ broker, path, apply, export: exported }) => {
    await broker.createTopic("others-were-first");
    const empty = await exported();
    assertEquals(
      (await apply(STATE, "--yes", "--prune")).error,
      `runnel: ${path} was not applied to this cluster before: nothing is pruned\n`,
    );
    const less = "[topics.orders]\npartitions = 3\n";
    const kept = await apply(less, "--check");
    assertEquals(kept.code, 0);
    assertStringIncludes(
      kept.out,
      "No longer in the file, and left as it is; --prune takes it away",
    );
    assertEquals((await apply(less, "--check", "--prune")).code, 2);
    const pruned = await apply(less, "--prune", "--yes");
    assertEquals([pruned.code, pruned.error], [0, ""]);
    assertStringIncludes(pruned.out, "- topic plain, with all its records\n");
    assertStringIncludes(pruned.out, "- topic orders: retention.ms = 86400000\n");
    const orders = "[topics.orders]\npartitions = 3\n\n";
    assertEquals(await exported(), empty.replace(/^/, orders));
    const nothing = await apply("", "--prune", "--yes");
    assertEquals(nothing.code, 1);
    assertStringIncludes(nothing.error, "lists nothing, so that --prune would take away all");
    assertEquals((await apply("", "--prune", "--yes", "--force")).code, 0);
    assertEquals(await exported(), empty);
  });
});

Deno.test("what an apply without --prune no longer listed is nobody's afterwards", async () => {
  await withBroker(async ({ apply }) => {
    await apply("[topics.a]\n[topics.b]\n", "--yes");
    assertStringIncludes((await apply("[topics.a]\n")).out, "  topic b, with all its records\n");
    assertEquals((await apply("[topics.a]\n", "--prune", "--yes")).out, "Nothing to do\n");
  });
});

Deno.test("what cannot be is refused before anything is changed", async () => {
  await withBroker(async ({ path, apply, export: exported }) => {
    await apply("[topics.orders]\npartitions = 3\n", "--yes");
    const before = await exported();
    const refused: [text: string, says: string][] = [
      [
        "[topics.orders]\npartitions = 2\n[topics.new]\n",
        "orders has 3 partitions and cannot have fewer",
      ],
      ["[topics.new]\nconfigs = { nonsense = 1 }\n[topics.other]\n", "nonsense"],
      ['[topics.new]\n[topics.orders]\nconfigs = { "segment.bytes" = 1 }\n', "segment.bytes"],
      ["[topics.new]\nreplicas = 3\n", "create topic new: INVALID_REPLICATION_FACTOR"],
      [
        '[topics.new]\n[groups.g]\n"consumer.session.timeout.ms" = 1\n',
        "consumer.session.timeout.ms",
      ],
      ["[topics.new]\n[users.bob]\n", "user bob: the cluster has none by SCRAM-SHA-256"],
      [
        '[topics.new]\n[users.bob]\npassword_file = "nowhere"\n',
        "user bob: cannot read its password",
      ],
      [
        '[topics.new]\n[users.bob]\npassword_env = "RUNNEL_TEST_NOWHERE"\n',
        "no variable RUNNEL_TEST_NOWHERE",
      ],
    ];
    for (const [text, says] of refused) {
      if (!text.includes("bob")) { // passwords are read when they are to be set
        const checked = await apply(text, "--check");
        assertEquals(checked.code, 2, text);
        assertStringIncludes(checked.error, says);
      }
      const { code, error } = await apply(text, "--yes");
      assertEquals(code, 1, text);
      assertStringIncludes(error, says);
    }
    assertEquals(await exported(), before);
    assertEquals((await apply(refused[0][0], "--check")).code, 2);
    await Deno.writeTextFile(`${path.replace(/state.toml$/, "")}open`, "pw", { mode: 0o644 });
    const { error } = await apply('[users.bob]\npassword_file = "open"\n', "--yes");
    assertStringIncludes(error, "can be read by everybody: chmod 600");
  });
});

Deno.test("who would be locked out is told, and --force does it", async () => {
  await withBroker(async ({ apply }) => {
    const admin = "[[acls]]\nuser = 'ann'\nallow = 'alter'\nresource = 'cluster'\n";
    await apply(admin, "--yes");
    const deny = `${admin}[[acls]]\nuser = '*'\ndeny = 'alter'\nresource = 'cluster'\n`;
    const { code, error } = await apply(deny, "--yes");
    assertEquals(code, 1);
    assertStringIncludes(error, "nobody who may change ACLs by ACLs");
    assertEquals((await apply(deny, "--yes", "--force")).code, 0);
  });
});

Deno.test("what the broker refuses midway is told, with what was done, and the next run goes on", async () => {
  await withBroker(async ({ apply, export: exported }) => {
    // In one request both are fine, and the second collides with the first once that is there: a hundred go in a request.
    const many = Array.from({ length: 99 }, (_, i) => `[topics.t${i}]\n`).join("");
    const quota = '[[quotas]]\nuser = "u"\nproducer_byte_rate = 5\n';
    const text = `[topics."a.b"]\n${many}[topics.a_b]\n[topics.last]\n${quota}`;
    const { code, out, error } = await apply(text, "--yes");
    assertEquals(code, 1);
    assertStringIncludes(error, "create topic a_b: INVALID_TOPIC_EXCEPTION");
    const became = out.split("\n").slice(-104);
    assertEquals(became[0], "done      + topic a.b: the broker's number of partitions");
    assertEquals(became.slice(-4), [
      "refused   + topic a_b: the broker's number of partitions",
      "done      + topic last: the broker's number of partitions",
      "not begun + quota of user u: producer_byte_rate = 5",
      "",
    ]);
    const between = await exported();
    assert(between.includes("[topics.t98]") && !between.includes("producer_byte_rate"), between);
    const again = await apply(text.replace("[topics.a_b]", ""), "--yes");
    assertEquals([again.code, again.error], [0, ""]);
    assertEquals(
      again.out,
      "+ quota of user u: producer_byte_rate = 5\n1 to add, 0 to change, 0 to remove\nDone\n",
    );
  });
});

Deno.test("what an apply was refused, or had not begun, is not its own where somebody else makes it", async () => {
  await withBroker(async ({ apply, broker, export: exported }) => {
    const many = Array.from({ length: 99 }, (_, i) => `[topics.t${i}]\n`).join("");
    const quota = '[[quotas]]\nuser = "u"\nproducer_byte_rate = 5\n';
    const first = await apply(`[topics."a.b"]\n${many}[topics.a_b]\n${quota}`, "--yes");
    assertEquals(first.code, 1);
    const at = `--bootstrap=127.0.0.1:${broker.port}`;
    await typed("topic", "delete", "a.b", "--yes", at);
    assertEquals((await typed("topic", "create", "a_b", at)).code, 0);
    const set = await typed("quota", "set", "--user", "u", "producer_byte_rate=5", at);
    assertEquals([set.code, set.error], [0, ""]);
    const pruned = await apply("[topics.t0]\n", "--prune", "--yes");
    assertEquals([pruned.code, pruned.error], [0, ""]);
    assertStringIncludes(pruned.out, "- topic t1, with all its records\n");
    const left = await exported();
    assert(left.includes("[topics.a_b]") && left.includes("producer_byte_rate"), left);
  });
});

Deno.test("hostile names go through export and back, and are text wherever they are shown", async () => {
  await withBroker(async ({ apply, export: exported }) => {
    const names = HOSTILE_NAMES.map((name) => JSON.stringify(name).replaceAll("\x7f", "\\u007f"));
    const text = names.map((name) =>
      `[groups.${name}]\n"consumer.session.timeout.ms" = 50000\n` +
      `[[acls]]\nuser = ${name}\nallow = "read"\nresource = ${name.replace('"', '"group:')}\n` +
      `[[quotas]]\nuser = ${name}\nproducer_byte_rate = 5\n`
    ).join("");
    const made = await apply(text, "--yes");
    assertEquals([made.code, made.error], [0, ""]);
    const shown = [made.out, await exported(), (await apply(text, "--check", "--json")).out].join(
      "",
    );
    // deno-lint-ignore no-control-regex -- they are what must not be there
    assertEquals(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028\u2029]/.test(shown), false);
    assertEquals((await apply(await exported(), "--check")).out, "Nothing to do\n");
  });
});

Deno.test("a password in the file itself is taken where nobody else can read the file", async () => {
  await withBroker(async ({ path, apply }) => {
    const text = "[users.bob]\npassword = 'hunter2'\n";
    await Deno.writeTextFile(path, "");
    await Deno.chmod(path, 0o644);
    const open = await apply(text, "--yes");
    assertEquals([open.code, open.error.includes("hunter2")], [1, false]);
    assertStringIncludes(open.error, "is a secret, but others can read the file: chmod 600");
    await Deno.chmod(path, 0o600);
    const done = await apply(text, "--yes");
    assertEquals([done.code, `${done.out}${done.error}`.includes("hunter2")], [0, false]);
  });
});

Deno.test("topics that the broker keeps its own state in are not exported", async () => {
  await withBroker(async ({ broker, export: exported }) => {
    const connection = await broker.connect();
    await connection.request(FindCoordinator, 2, { key: "g", keyType: 0 });
    const at = `--bootstrap=127.0.0.1:${broker.port}`;
    const topics = jsonLines(await typed("topic", "list", "--internal", "--json", at));
    assertEquals(topics.map(({ topic }) => topic), ["__consumer_offsets"]);
    assertEquals((await exported()).includes("__consumer_offsets"), false);
  });
});

Deno.test("JSON has an object for each change, with what became of it", async () => {
  await withBroker(async ({ apply }) => {
    const text = '[topics.a]\npartitions = 2\n[brokers]\n"log.retention.ms" = 5000\n';
    const lines = (outcome: string) => [
      { kind: "topic", name: "a", partitions: 2, replicas: null, configs: {}, outcome },
      {
        kind: "configs",
        of: "broker",
        name: "",
        values: { "log.retention.ms": { before: null, after: "5000" } },
        outcome,
      },
    ];
    assertEquals(jsonLines(await apply(text, "--check", "--json")), lines("differs"));
    assertEquals(jsonLines(await apply(text, "--yes", "--json")), lines("done"));
    assertEquals(jsonLines(await apply(text, "--yes", "--json")), []);
  });
});

Deno.test("a file of names that another cluster or program wrote is not taken for the last apply's", async () => {
  await withBroker(async ({ path, apply }) => {
    await apply("[topics.a]\n[topics.b]\n", "--yes");
    const directory = path.replace(/\/state.toml$/, "");
    const [applied] = [...Deno.readDirSync(directory)].map(({ name }) => name)
      .filter((name) => name.startsWith("state.toml.applied."));
    const file = `${directory}/${applied}`, text = await Deno.readTextFile(file);
    for (
      const altered of ["", "{}", text.replace(/"cluster": "./, '"cluster": "-'), text.slice(0, -4)]
    ) {
      await Deno.writeTextFile(file, altered);
      const { code, error } = await apply("[topics.a]\n", "--prune", "--yes");
      assertEquals(code, 1, altered);
      assertStringIncludes(error, "is none of `runnel apply` to this cluster");
    }
    await Deno.writeTextFile(file, text);
    assertStringIncludes((await apply("[topics.a]\n", "--prune", "--yes")).out, "- topic b");
  });
});

Deno.test("a broker that asks no ACLs is told of, where the file has some, before anything is changed", async () => {
  await withBroker(async ({ apply, export: exported }) => {
    const { code, error } = await apply(STATE, "--yes");
    assertEquals(code, 1);
    assertStringIncludes(error, "ACLs: SECURITY_DISABLED");
    assertEquals((await exported()).includes("orders"), false);
  }, { authorization: { mode: "off" } });
});

Deno.test("beside a file that cannot be written to, everything but --prune is done, and told", async () => {
  await withBroker(async ({ path, apply }) => {
    const directory = path.replace(/\/state.toml$/, "");
    await apply("[topics.a]\n", "--yes");
    const [applied] = [...Deno.readDirSync(directory)].map(({ name }) => name)
      .filter((name) => name.startsWith("state.toml.applied."));
    await Deno.mkdir(`${directory}/${applied}.${Deno.pid}.new`); // in the way, for root too
    const told = await apply("[topics.b]\n", "--yes");
    assertEquals(told.code, 0);
    assertStringIncludes(told.out, "+ topic b: ");
    assertStringIncludes(told.error, "a later --prune does not know of this apply");
    const pruned = await apply("[topics.c]\n", "--prune", "--yes");
    assertEquals(pruned.code, 1);
    assertStringIncludes(pruned.error, "Cannot write ");
    assertEquals((await apply("[topics.a]\n[topics.b]\n", "--check")).code, 0); // nothing was taken away
  });
});

Deno.test("the file in docs/state.md is made so, with the lines that are shown there", async () => {
  const book = await Deno.readTextFile(new URL("../../docs/state.md", import.meta.url));
  const [, file] = /^```toml\n([^]*?)^```/m.exec(book)!;
  const [, shown] = /^runnel apply -f state.toml --yes\n```\n\n```\n([^]*?)^```/m.exec(book)!;
  await withBroker(async ({ apply, export: exported }) => {
    const { code, out, error } = await apply(file, "--yes");
    assertEquals([code, error], [0, ""]);
    assertEquals(out, shown);
    assertEquals((await apply(await exported(), "--check")).out, "Nothing to do\n");
  });
});
