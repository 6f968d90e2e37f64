/** `runnel acl` against a broker: what is added is listed, decides, and is removed; the last administrator's only by force. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { aclOf, runAcl } from "../../src/cli/acl.ts";
import { TestBroker } from "./harness.ts";

async function told(args: readonly string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [], { log, error } = console;
  console.log = console.error = (line: string) => void lines.push(line);
  try {
    return { code: await runAcl(args), text: lines.join("\n") };
  } finally {
    Object.assign(console, { log, error });
  }
}

Deno.test("ACLs are added, listed, judged and removed from the command line", async () => {
  await using broker = await TestBroker.start({
    authorization: { mode: "on", superUsers: ["User:ANONYMOUS"] },
  });
  const at = ["--bootstrap", `127.0.0.1:${broker.port}`];
  const run = (...words: string[]) => told([...words, ...at]);
  assertEquals((await run("add", "alice", "read", "topic:orders-", "--prefixed")).code, 0);
  assertEquals((await run("add", "alice", "read", "topic:orders-eu", "--deny")).code, 0);
  assertStringIncludes(
    (await run("list")).text,
    "User:alice  allow  read       topic:orders- (prefixed)",
  );
  const allowed = await run("check", "alice", "describe", "topic:orders-us");
  assertEquals(allowed.code, 0);
  assertStringIncludes(
    allowed.text,
    "allowed, by: User:alice: allow read on topic:orders- (prefixed)",
  );
  const denied = await run("check", "alice", "read", "topic:orders-eu");
  assertEquals(denied.code, 3);
  assertStringIncludes(denied.text, "denied, by: User:alice: deny read on topic:orders-eu");
  assertStringIncludes(
    (await run("check", "bob", "read", "topic:x")).text,
    "no acl of the resource",
  );
  assertEquals((await run("add", "boss", "alter", "cluster")).code, 0);
  const last = await run("remove", "boss", "alter", "cluster");
  assertEquals(last.code, 1);
  assertStringIncludes(last.text, "--force");
  assertEquals((await run("remove", "boss", "alter", "cluster", "--force")).code, 0);
  assertEquals((await run("remove", "boss", "alter", "cluster", "--force")).code, 1);
});

Deno.test("a rule that makes no sense is told in words", () => {
  const none = new Map<string, string>();
  assertThrows(() => aclOf(["a", "write", "group:g"], none), Error, "nothing that can be done");
  assertThrows(() => aclOf(["a", "read", "orders"], none), Error, "is no resource");
});
