/** Proves that whoever sets a config of Kafka's that does nothing here is told so, once, when it is set. */
import { assertEquals } from "@std/assert";
import { configureLog } from "../log.ts";
import { Fixture } from "../testing/topics.ts";
import type { NewRecord } from "../topics/metadata_record.ts";
import { preallocated, tellPreallocated } from "./without_effect.ts";

const config = (resourceType: number, resourceName: string, name: string, value: string | null) =>
  ({
    kind: "ConfigRecord",
    version: 0,
    value: { resourceType, resourceName, name, value },
  }) as const satisfies NewRecord;

Deno.test("what is told of preallocate is who was just given it", async () => {
  const fixture = await Fixture.start(), told: (string | null)[] = [];
  fixture.metadata.watch((change) => void told.push(...preallocated(change, fixture.catalogue)));
  const step = async (act: () => Promise<unknown>) => {
    told.length = 0;
    await act();
    return [...told];
  };
  const set = (...records: NewRecord[]) =>
    step(() => fixture.metadata.transact(() => ({ records, result: null })));
  assertEquals(await step(() => fixture.create("plain")), []);
  assertEquals(await step(() => fixture.create("ahead", 3, { preallocate: " TRUE " })), ["ahead"]);
  assertEquals(await step(() => fixture.create("not", 1, { preallocate: "false" })), []);
  assertEquals(await set(config(2, "plain", "preallocate", "true")), ["plain"]);
  assertEquals(await set(config(2, "plain", "preallocate", null)), []);
  assertEquals(await set(config(2, "plain", "retention.ms", "5")), []);
  assertEquals(await set(config(4, "", "log.preallocate", "true")), [null]);
  assertEquals(await step(() => fixture.create("by default")), []);
});

Deno.test("the line names the config and the topic, and says what to do", () => {
  const lines: string[] = [];
  configureLog(
    { level: "warn", format: "json", maxClientEvents: 10 },
    (line) => void lines.push(line),
  );
  try {
    tellPreallocated(["ahead", null]);
  } finally {
    configureLog({ level: "error", format: "text", maxClientEvents: 10 }, () => {});
  }
  const [one, all] = lines.map((line) => JSON.parse(line));
  assertEquals([one.topic, one.config, typeof one.advice], ["ahead", "preallocate", "string"]);
  assertEquals([all.topic, all.config], [undefined, "log.preallocate"]);
});
