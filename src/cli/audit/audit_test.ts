/** `runnel audit verify`: what it says of files that are right, altered, cut, keyed, or not there. */
import { assert, assertEquals } from "@std/assert";
import { AuditFile } from "../../audit/audit_file.ts";
import { hashWith } from "../../audit/chain.ts";
import { body } from "../../audit/event.ts";
import { FileStore } from "../../storage/backends/file_store.ts";
import { typed } from "../../../tests/broker/command_line.ts";

async function withAudit(key: string, work: (file: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "runnel-test-" });
  try {
    const store = new FileStore(dir);
    const file = new AuditFile({
      store,
      name: "audit.log",
      rotateBytes: 300,
      rotateDaily: false,
      keep: 0,
      hash: hashWith(key),
      nowMs: () => 0,
      onProblem: () => {},
    });
    for (const action of ["a", "b", "c"]) {
      await file.write([body(0, "change", { action })], { sync: false });
    }
    store.close();
    await work(`${dir}/audit.log`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function verified(...args: string[]): Promise<{ code: number; lines: string[] }> {
  const { code, out } = await typed("audit", "verify", ...args);
  return { code, lines: out.split("\n").slice(0, -1) };
}

Deno.test("an audit that is right is said to be, with its head, which is accepted and asked for later", () =>
  withAudit("", async (file) => {
    const { code, lines } = await verified(file);
    assertEquals([code, lines.length], [0, 2]);
    assertEquals(
      lines[0],
      "3 lines in 2 files, 1 to 3, are as they were written, by hashes without a key, which anybody can make anew",
    );
    const head = lines[1].replace("head ", "");
    assertEquals((await verified(`--audit-file=${file}`, "--head", head)).code, 0);
    const other = await verified(file, "--head", head.replace(/.$/, (c) => c === "0" ? "1" : "0"));
    assertEquals(other.code, 1);
    await Deno.truncate(file, 0);
    await Deno.remove(`${file}.head`);
    const cut = await verified(file, "--head", head);
    assertEquals(cut.code, 1);
    assert(cut.lines.at(-1)!.startsWith("not right: the tail is cut off"), cut.lines.join());
  }));

Deno.test("the first line that is not right is named, and the end is 1", () =>
  withAudit("", async (file) => {
    const [rotated] = [...Deno.readDirSync(file.slice(0, -"/audit.log".length))]
      .map(({ name }) => name).filter((name) => /\d$/.test(name));
    const path = file.replace("audit.log", rotated);
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace('"a"', '"x"'));
    const { code, lines } = await verified(file);
    assertEquals(code, 1);
    assert(lines[0].startsWith(`not right: ${rotated}:2 carries the hash`), lines.join());
  }));

Deno.test("with a key it takes the key, from a file that nobody else can read", () =>
  withAudit("0123456789abcdef", async (file) => {
    assertEquals((await verified(file)).code, 1);
    const keyFile = `${file}.key`;
    await Deno.writeTextFile(keyFile, "0123456789abcdef\n", { mode: 0o600 });
    const { code, lines } = await verified(
      file,
      "--audit-hash-chain",
      `--audit-hash-key-file=${keyFile}`,
    );
    assertEquals([code, lines[0].endsWith("by HMACs with the key")], [0, true]);
  }));

Deno.test("what cannot be looked at, and what is asked wrongly, is said in one line", async () => {
  for (
    const args of [
      [],
      ["veryfy"],
      ["verify"],
      ["verify", "a", "b"],
      ["verify", "/nowhere/audit.log"],
      ["verify", "/tmp/there-is-no-such-audit.log"],
      ["verify", "/tmp/x", "--head", "12"],
    ]
  ) {
    const { code, out, error } = await typed("audit", ...args);
    assertEquals([code, out], [1, ""]);
    assert(/^runnel: [^\n]+\n$/.test(error), error);
  }
});
