/** Proves what may stand under the cursor: commands, actions, flags, their values, and what words are names of. */
import { assertEquals } from "@std/assert";
import { positionOf } from "./position.ts";

function values(...words: string[]): string[] {
  return positionOf(words.slice(0, -1), words.at(-1)!).candidates.map(({ value }) => value);
}

function completes(...words: string[]): string | null {
  return positionOf(words.slice(0, -1), words.at(-1)!).completes;
}

Deno.test("commands, then actions, then what an action takes", () => {
  assertEquals(values("").includes("topic"), true);
  assertEquals(values("group", ""), ["list", "describe", "reset", "delete", "watch"]);
  assertEquals(values("config", ""), ["get", "set", "unset", "diff"]);
  assertEquals(values("help", "group", "").includes("reset"), true);
  assertEquals(
    ["group", "operating", "audit", "audit.md"].every((one) => values("help", "").includes(one)),
    true,
  );
  assertEquals(values("help", "operating", ""), []);
  assertEquals(values("nothing", ""), []);
  assertEquals(values("group", "nothing", ""), []);
});

Deno.test("flags that are not there yet, by any of their names, and the broker's where none of these is meant", () => {
  const flags = values("topic", "list", "--bootstrap-server", "h:1", "--json", "--");
  assertEquals(["--bootstrap", "--json"].filter((one) => flags.includes(one)), []);
  assertEquals(flags.includes("--pattern"), true);
  assertEquals(values("topic", "create", "t", "--config", "a=b", "--").includes("--config"), true);
  assertEquals(values("topic", "list", "--kafka-p").includes("--kafka-port"), true);
  assertEquals(values("--kafka-p").includes("--kafka-port"), true);
  assertEquals(values("serve", "--kafka-p").includes("--kafka-port"), true);
  assertEquals(values("init", "--kafka-p").includes("--kafka-port"), false);
  assertEquals(values("topic", "delete", "--", "--"), []);
});

Deno.test("a word or a flag's value is a topic, a group, a file, or one of several", () => {
  assertEquals(completes("topic", "describe", ""), "topic");
  assertEquals(completes("topic", "describe", "a", "b", ""), "topic");
  assertEquals(completes("topic", "alter", "a", ""), null);
  assertEquals(completes("topic", "alter", "--unset", "x", ""), "topic");
  assertEquals(completes("topic", "alter", "--kafka-port", "1", ""), "topic");
  assertEquals(completes("group", "reset", "g", "--topic", ""), "topic");
  assertEquals(completes("consume", "t", "--group=g"), "group");
  assertEquals(positionOf(["consume", "t"], "--group=g").prefix, "--group=");
  assertEquals(completes("consume", "t", "--client-config", ""), "file");
  assertEquals(completes("consume", "t", "--json=x"), null);
  assertEquals(values("config", "get", "").join(), "topic,broker,group,client");
  assertEquals(["topic", "group", "broker"].map((kind) => completes("config", "get", kind, "")), [
    "topic",
    "group",
    null,
  ]);
});
