/**
 * Proves that what is written of a state is read as the same, whatever the names; that what is wrong in a file is told
 * with its line and what was meant; and that passwords are neither shown nor taken from a file that others can read.
 */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ConfigError } from "../../config/load.ts";
import { HOSTILE_NAMES, randomState } from "../../testing/random_state.ts";
import { SeededRandom } from "../../testing/seeded_random.ts";
import { planOf } from "./plan.ts";
import { readState } from "./read_state.ts";
import { listedIn } from "./state.ts";
import { writeState } from "./write_state.ts";

const read = (text: string, mode: number | null = 0o600) =>
  readState(text, { path: "dir/state.toml", mode });

Deno.test("what is written is read as the same state, with names that somebody chose to do harm", async () => {
  const options = { lastListed: null, prune: true, rotate: new Set<string>(), force: true };
  for (let seed = 1; seed <= 150; seed++) {
    const state = randomState(new SeededRandom(seed)), { text, leftOut } = writeState(state);
    assertEquals(leftOut, [], `seed ${seed}`);
    // deno-lint-ignore no-control-regex -- they are what must not be there
    assertEquals(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028\u2029]/.test(text), false, text);
    const back = await read(text);
    const plan = planOf(back, state, { ...options, lastListed: listedIn(state) });
    assertEquals([plan.changes, plan.problems], [[], []], `seed ${seed}:\n${text}`);
    assertEquals(writeState(back).text, text, `seed ${seed}`);
  }
});

Deno.test("a quota that a newer Kafka has, and the file could not say, is left out and told", async () => {
  const user = { entityType: "user", entityName: "u\x1b" },
    place = { entityType: "rack", entityName: "r" };
  const values = new Map([["producer_byte_rate", 5], ["produce_joules", 1]]);
  const quotas = new Map([
    ["a", { entity: [user], values }],
    ["b", { entity: [user, place], values }],
    ["c", { entity: [user], values: new Map([["produce_joules", 1]]) }],
  ]);
  const { text, leftOut } = writeState({ ...await read(""), quotas });
  assertEquals(text, '[[quotas]]\nuser = "u\\u001b"\nproducer_byte_rate = 5\n');
  assertEquals(leftOut, [
    "produce_joules of user u\x1b: there is no such quota",
    "quotas of user u\x1b, rack r: there is nobody of that kind",
    "produce_joules of user u\x1b: there is no such quota",
  ]);
});

Deno.test("a config with very many names in its name is refused in words", async () => {
  for (const many of [200, 1_000_000]) {
    const text = `[topics.t]\nconfigs.${"a.".repeat(many)}b = 1\n`;
    await assertRejects(() => read(text), ConfigError, "too many");
  }
});

Deno.test("every hostile name is a group's and a user's name as it is", async () => {
  const groups = new Map(HOSTILE_NAMES.map((name) => [name, new Map([["a", "1"]])]));
  const state = { ...await read(""), groups };
  assertEquals(
    [...(await read(writeState(state).text)).groups.keys()].sort(),
    [...HOSTILE_NAMES].sort(),
  );
});

Deno.test("configs may be written with quotes or without, as numbers, texts and lists", async () => {
  const { topics, groups } = await read(`
[topics.t]
configs.retention.ms = 9223372036854775807
configs."cleanup.policy" = ["compact", "delete"]
configs.min.cleanable.dirty.ratio = 0.25
[topics.u.configs]
preallocate = true
"x" = ""
[groups.g]
consumer.session.timeout.ms = 50000
`);
  assertEquals(Object.fromEntries(topics.get("t")!.configs), {
    "retention.ms": "9223372036854775807",
    "cleanup.policy": "compact,delete",
    "min.cleanable.dirty.ratio": "0.25",
  });
  assertEquals(Object.fromEntries(topics.get("u")!.configs), { preallocate: "true", x: "" });
  assertEquals(Object.fromEntries(groups.get("g")!), { "consumer.session.timeout.ms": "50000" });
});

Deno.test("a user has both mechanisms unless one is named, and a password from one place", async () => {
  const { users } = await read(`
[users.a]
[users.b]
SCRAM-SHA-256 = 8192
password_file = "b.password"
[users.c]
SCRAM-SHA-512 = 4096
password_env = "C_PASSWORD"
[users.d]
password = "pw"
`);
  assertEquals(
    [...users].map(([name, { iterations, secret }]) => [name, [...iterations], secret]),
    [
      ["a", [["SCRAM-SHA-256", null], ["SCRAM-SHA-512", null]], null],
      ["b", [["SCRAM-SHA-256", 8192]], { kind: "file", path: "dir/b.password" }],
      ["c", [["SCRAM-SHA-512", 4096]], { kind: "env", name: "C_PASSWORD" }],
      ["d", [["SCRAM-SHA-256", null], ["SCRAM-SHA-512", null]], { kind: "text", password: "pw" }],
    ],
  );
});

const MISTAKES: [text: string, line: number, says: string][] = [
  ["topic = 1", 1, "topic: unknown key (did you mean topics?)"],
  ["[topics.t]\npartition = 1", 2, "topics.t.partition: unknown key (did you mean partitions?)"],
  ["[topics.orders.dead]\n", 1, 'a name with dots needs quotes: [topics."orders.dead"]'],
  [
    "[topics.t]\npartitions = 0",
    2,
    "topics.t.partitions: 0: needs a whole number, 1 to 2147483647",
  ],
  ['[topics.t]\npartitions = "6"', 2, '"6": needs a whole number'],
  ["[topics.t]\npartitions = 1.5", 2, "1.5: needs a whole number"],
  ["[topics.t]\nreplicas = 32768", 2, "32768: needs a whole number, 1 to 32767"],
  ['[topics."a b"]', 1, "contains one or more characters other than ASCII alphanumerics"],
  ['[topics.".."]', 1, 'topics."..": Topic name is invalid'],
  ["[topics.__consumer_offsets]", 1, "is the broker's own: leave it out"],
  ["[topics]\nt = 1", 2, "topics.t: needs to be a table, as in [topics.t]"],
  ["[[topics]]", 1, "topics: needs to be a table"],
  ["[topics.t]\nconfigs = { a = nan }", 2, "NaN: needs a text, a number, true or false"],
  ["[topics.t]\nconfigs = { a = 1979-05-27 }", 2, "a date: needs a text"],
  ['[topics.t]\nconfigs.a.b = 1\nconfigs."a.b" = 2', 3, "a.b is given twice"],
  ["[topics.t]\nconfigs = { a = [1] }", 2, "needs a text, or a list of texts"],
  ['[groups.""]\na = 1', 1, "needs a name that is not empty"],
  [`[groups.${"g".repeat(32768)}]`, 1, "has a name of 32768 bytes, allowed are 32767"],
  ["[users.a]\nscram-sha-512 = 4096", 2, "did you mean SCRAM-SHA-512?"],
  ["[users.a]\nSCRAM-SHA-512 = 1", 2, "1: needs a whole number, 4096 to 16384"],
  ["[users.a]\npasword = 'hunter2'", 2, "did you mean password?"],
  ["[users.a]\npassword = 5", 2, "users.a.password: needs a text, in quotes"],
  ["[users.a]\npassword_file = ''", 2, "users.a.password_file: is empty"],
  [
    "[users.a]\npassword_env = 'A'\npassword_file = 'b'",
    1,
    "password_file and password_env are both given",
  ],
  ["[acls]\nuser = 'a'", 1, "acls: needs to be a list of tables, each under [[acls]]"],
  ["[[acls]]\nallow = 'read'\nresource = 'topic:t'", 1, "needs user, whose it is"],
  ["[[acls]]\nuser = 'a'\nallow = 'read'", 1, "needs resource, such as topic:orders or cluster"],
  ["[[acls]]\nuser = 'a'\nresource = 'topic:t'", 1, "needs one of allow and deny"],
  [
    "[[acls]]\nuser = 'a'\nallow = 'read'\ndeny = 'read'\nresource = 'topic:t'",
    1,
    "one of allow and deny",
  ],
  ["[[acls]]\nuser = 'a'\nallow = []\nresource = 'topic:t'", 3, "one at least"],
  [
    "[[acls]]\nuser = 'a'\nallow = 'reed'\nresource = 'topic:t'",
    1,
    '"reed" is nothing that can be done',
  ],
  ["[[acls]]\nuser = 'a'\nallow = 'read'\nresource = 'topic'", 1, '"topic" is no resource'],
  [
    "[[acls]]\nuser = 'a'\nallow = 'read'\nresource = 'topic:t'\nhosts = 'x'",
    5,
    "did you mean host?",
  ],
  ["[[acls]]\nuser = ':a'\nallow = 'read'\nresource = 'topic:t'", 1, "Could not parse principal"],
  [
    "[[acls]]\nuser = 'a'\nallow = 'read'\nresource = 'topic:t'\nprefixed = 'yes'",
    5,
    "needs true or false",
  ],
  ["[[quotas]]\nproducer_byte_rate = 1", 1, "needs user, client_id, both, or ip"],
  ["[[quotas]]\nuser = 'a'", 1, "needs one of producer_byte_rate"],
  ["[[quotas]]\nuser = 'a'\nproducer_byte_rate = 0", 3, "must be greater than 0"],
  ["[[quotas]]\nuser = 'a'\nproducer_byte_rate = 1.5", 3, "cannot be a fractional value"],
  ["[[quotas]]\nuser = 'a'\nconnection_creation_rate = 1", 3, "Invalid configuration key"],
  [
    "[[quotas]]\nuser = 'a'\ndefault_user = true\nproducer_byte_rate = 1",
    1,
    "user and default_user are both given",
  ],
  [
    "[[quotas]]\nuser = 'a'\nip = '::1'\nproducer_byte_rate = 1",
    1,
    "IP entity should not be combined",
  ],
  ["[[quotas]]\nip = 'a b'\nconnection_creation_rate = 1", 1, "is not a valid IP"],
  [
    "[[quotas]]\nuser = 'a'\nproducer_byte_rate = 1\n[[quotas]]\nuser = 'a'\nproducer_byte_rate = 1",
    4,
    "is of what another one before it is of",
  ],
  ["[topics.t]\n[topics.t]", 2, "it is not TOML: Defining a key multiple times"],
  ["[users.a]\npassword = hunter2", 2, "it is not TOML"],
  ["[users.a]\npassword = 'hunter2", 2, "it is not TOML"],
];

Deno.test("what is wrong is told with its line and what was meant, and never with a password", async () => {
  for (const [text, line, says] of MISTAKES) {
    const { message } = await assertRejects(() => read(text), ConfigError, undefined, text);
    assertStringIncludes(message, `dir/state.toml:${line}: `);
    assertStringIncludes(message, says);
    assertEquals(message.includes("hunter2"), false);
  }
  const deep = `a = ${"[".repeat(50_000)}${"]".repeat(50_000)}`;
  assertStringIncludes(
    (await assertRejects(() => read(deep), ConfigError)).message,
    "too many brackets",
  );
});

Deno.test("a password in the file is taken only where nobody else can read it, and never from standard input", async () => {
  const text = "[users.a]\npassword = 'hunter2'";
  for (const mode of [0o640, 0o604, 0o620, 0o644]) {
    const { message } = await assertRejects(() => read(text, mode), ConfigError);
    assertStringIncludes(
      message,
      "is a secret, but others can read the file: chmod 600 dir/state.toml",
    );
  }
  const piped = readState(text, { path: "-", mode: null });
  const { message } = await assertRejects(() => piped, ConfigError);
  assertStringIncludes(
    message,
    "standard input:2: users.a.password: needs password_file or password_env",
  );
});
