/** Proves `runnel user` on a users file: what it writes lets the user in, and whatever is wrong changes nothing. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { hashOf, saltedPassword } from "../../security/sasl/scram_credential.ts";
import { credentialOf } from "../../security/sasl/scram_credential.ts";
import { readUsers } from "../../security/sasl/users_text.ts";
import { type Typed, typed } from "../../../tests/broker/command_line.ts";

async function withFile(body: (file: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "runnel-user-" });
  try {
    await body(`${folder}/users`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("whatever characters a name has, the file can be read, the name be printed, and the user be deleted", async () => {
  await withFile(async (file) => {
    const names = ["alice", "bob\u2028x", "carol\u2029", "d\u0085e", "\u202eeve"];
    for (const name of names) await run(file, ["add", name, "--mechanism=SCRAM-SHA-256"]);
    assertEquals(readUsers(await Deno.readTextFile(file)).map(({ name }) => name), names);
    assert((await run(file, ["list"])).every((line) => !/[\u2028\u2029\u202e]/.test(line)));
    for (const name of names.slice(1)) await run(file, ["delete", name]);
    assertEquals(await run(file, ["list"]), [HEADER, "alice  SCRAM-SHA-256"]);
  });
});

/** With the password on standard input. */
async function typedWith(password: string, ...args: string[]): Promise<Typed> {
  const { read } = Deno.stdin;
  let rest = new TextEncoder().encode(`${password}\n`);
  Deno.stdin.read = (into) => {
    const length = Math.min(into.length, rest.length);
    into.set(rest.subarray(0, length));
    rest = rest.subarray(length);
    return Promise.resolve(length === 0 ? null : length);
  };
  try {
    return await typed("user", ...args);
  } finally {
    Deno.stdin.read = read;
  }
}

async function run(file: string, args: string[], password = "pencil"): Promise<string[]> {
  const more = { add: ["--password-stdin"], delete: ["--yes"] }[args[0]] ?? [];
  const { code, out, error } = await typedWith(
    password,
    ...args,
    ...more,
    `--auth-users-file=${file}`,
  );
  assertEquals([code, error], [0, ""]);
  return out.split("\n").slice(0, -1);
}

const HEADER = "USER   MECHANISMS";

Deno.test("a user that was added can prove its password, by both mechanisms, and the file is nobody else's", async () => {
  await withFile(async (file) => {
    await run(file, ["add", "alice ü"]);
    const text = await Deno.readTextFile(file), users = readUsers(text);
    assert(!text.includes("pencil"));
    assertEquals(users.map(({ name, mechanism }) => [name, mechanism]), [
      ["alice ü", "SCRAM-SHA-256"],
      ["alice ü", "SCRAM-SHA-512"],
    ]);
    for (const { mechanism, credential } of users) {
      const hash = hashOf(mechanism)!, { salt, iterations } = credential;
      const password = new TextEncoder().encode("pencil");
      const salted = await saltedPassword(hash, { password, salt, iterations });
      assertEquals(credentialOf(hash, { salted, salt, iterations }), credential);
    }
    assertEquals((await Deno.stat(file)).mode! & 0o777, 0o600);
  });
});

Deno.test("a user that is added again has another password, others and comments stay, and a deleted one is gone", async () => {
  await withFile(async (file) => {
    await Deno.writeTextFile(file, "# ours\n", { mode: 0o640 });
    await run(file, ["add", "alice", "--mechanism=scram-sha-512", "--iterations=8192"]);
    await run(file, ["add", "bob"]);
    const before = await Deno.readTextFile(file);
    await run(file, ["add", "alice"], "another");
    const after = await Deno.readTextFile(file);
    assert(after.startsWith("# ours\n"));
    assertEquals((await Deno.stat(file)).mode! & 0o777, 0o640);
    const bob = (text: string) => text.split("\n").filter((line) => line.endsWith(" bob"));
    assertEquals(bob(after), bob(before));
    assertEquals(await run(file, ["list"]), [
      HEADER,
      "alice  SCRAM-SHA-256 SCRAM-SHA-512",
      "bob    SCRAM-SHA-256 SCRAM-SHA-512",
    ]);
    await run(file, ["delete", "alice"]);
    assertEquals(await run(file, ["list"]), [
      "USER  MECHANISMS",
      "bob   SCRAM-SHA-256 SCRAM-SHA-512",
    ]);
  });
});

Deno.test("what cannot be is refused in words, and no password is taken from arguments", async () => {
  await withFile(async (file) => {
    const at = `--auth-users-file=${file}`;
    const refused: [string[], string][] = [
      [["add", at], "missing required argument 'NAME'"],
      [["add", "a", "b", at], "too many arguments"],
      [["list", "a", at], "too many arguments"],
      [["drop", "a", at], "drop"],
      [["add", "a\nb", at], "control character"],
      [["add", "a", "--iterations=100", at], "4096 to 16384"],
      [["add", "a", "--mechanism=PLAIN", at], "PLAIN"],
      [["add", "a", "--password=x", at], "--password"],
      [["list"], "--auth-users-file"],
      [["list", at], "no users file"],
      [["delete", "a", at], "Say --yes"],
      [["delete", "a", "--yes", at], "there is no user a"],
    ];
    for (const [args, words] of refused) {
      const { code, out, error } = await typedWith("pencil", ...args);
      assertEquals([code, out], [1, ""]);
      assertStringIncludes(error, words);
    }
    assertEquals([...Deno.readDirSync(file.replace(/\/users$/, ""))], []);
    await Deno.writeTextFile(file, "nonsense\n");
    const { error } = await typedWith("pencil", "add", "a", "--password-stdin", at);
    assertStringIncludes(error, "line 1");
    assertEquals(await Deno.readTextFile(file), "nonsense\n");
  });
});

Deno.test("a list without users has its header, and for programs nothing", async () => {
  await withFile(async (file) => {
    await Deno.writeTextFile(file, "");
    assertEquals(await run(file, ["list"]), ["USER  MECHANISMS"]);
    assertEquals(await run(file, ["list", "--json"]), []);
  });
});
