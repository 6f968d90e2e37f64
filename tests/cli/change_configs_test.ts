/** Proves that a config that there is none of is refused with the one that was probably meant, unset or set. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { TestBroker } from "../broker/harness.ts";
import { runnel } from "./program.ts";

Deno.test("a config that there is none of is neither set nor unset, and the near one is named", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const at = ["--bootstrap", `127.0.0.1:${broker.port}`];
  const refused: [string[], string][] = [
    [["topic", "alter", "t", "--unset", "retention.m"], "no config retention.m: did you mean ret"],
    [["config", "unset", "topic", "t", "retention"], "topic t has no config retention: did you"],
    [
      ["config", "set", "topic", "t", "retention=5"],
      "no config retention: did you mean retention.",
    ],
    [["config", "unset", "group", "g", "session.timeout.ms"], "mean consumer.session.timeout.ms?"],
    [["config", "get", "topic", "t", "clean.policy"], "did you mean cleanup.policy?"],
    [["config", "set", "topic", "t", "retention.ms=5d"], "Invalid value 5d"],
  ];
  for (const [args, says] of refused) {
    const { code, error } = await runnel([...args, ...at]);
    assertEquals(code, 1, args.join(" "));
    assertStringIncludes(error, says);
  }
  const { code } = await runnel(["config", "unset", "topic", "t", "retention.ms", ...at]);
  assertEquals(code, 0);
});
