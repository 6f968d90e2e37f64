/** Proves that a command line which is advised evaluates nothing in a name, and takes none for a flag. */
import { assertEquals } from "@std/assert";
import { commandLine, runnelLine } from "./shell_words.ts";

Deno.test("a command that is advised evaluates nothing in a name", () => {
  assertEquals(
    commandLine("runnel", "group", "describe", "orders"),
    "runnel group describe orders",
  );
  assertEquals(commandLine("describe", "$(id)"), "describe '$(id)'");
  assertEquals(commandLine("describe", "a'; rm -rf /'"), "describe 'a'\\''; rm -rf /'\\'''");
  assertEquals(commandLine("describe", ""), "describe ''");
  assertEquals(commandLine("describe", "=ls", "--a=b"), "describe '=ls' --a=b"); // zsh makes the path of ls of it
});

Deno.test("a name that begins as a flag does is none in a command that is advised", () => {
  const words = ["group", "describe"], flags = ["--bootstrap", "b:9092"];
  assertEquals(
    runnelLine(words, ["orders"], flags),
    "runnel group describe orders --bootstrap b:9092",
  );
  assertEquals(
    runnelLine(words, ["--all"], flags),
    "runnel group describe --bootstrap b:9092 -- --all",
  );
  assertEquals(
    runnelLine(["acl", "add"], ["-x", "write", "topic:$(id)"]),
    "runnel acl add -- -x write 'topic:$(id)'",
  );
});
