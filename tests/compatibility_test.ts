/** Proves that docs/compatibility.md leaves nothing out: every KIP that the code names, every API of Kafka's. */
import { assert, assertEquals } from "@std/assert";
import { DIFFERENCES, NOT_SERVED } from "../packaging/compatibility/differences.ts";
import { KAFKA_APIS } from "../packaging/compatibility/kafka_apis.ts";
import { KIPS } from "../packaging/compatibility/kips.ts";
import { namedKips, notServedTable, servedApis } from "../packaging/compatibility/tables.ts";

Deno.test("every KIP that a source file names is told of, and none that nothing stands on", async () => {
  const named = namedKips(), served = new Set((await servedApis()).map(({ name }) => name));
  assertEquals([...named.keys()].filter((kip) => !(kip in KIPS)), []);
  const idle = Object.entries(KIPS).filter(([kip, { apis = [] }]) =>
    !named.has(Number(kip)) && !apis.some((api) => served.has(api))
  );
  assertEquals(idle.map(([kip]) => kip), []);
});

Deno.test("an API is served that Kafka has, by Kafka's key and no version beyond, or it is said why not", async () => {
  for (const { name, key, min, max } of await servedApis()) {
    assert(name in KAFKA_APIS, `Kafka has no ${name}`);
    const [kafkaKey, kafkaMin, kafkaMax] = KAFKA_APIS[name];
    assertEquals(key, kafkaKey, name);
    assert(min >= kafkaMin && max <= kafkaMax, `${name} ${min}–${max}`);
  }
  const table = await notServedTable(); // throws where nothing says why
  assert(table.includes("ShareFetch") && table.includes("StreamsGroupHeartbeat"), table);
});

Deno.test("no difference is told of an API that is not served, and no reason of nothing", async () => {
  const served = new Set((await servedApis()).map(({ name }) => name));
  assertEquals(Object.keys(DIFFERENCES).filter((api) => !served.has(api)), []);
  for (const { apis, why } of NOT_SERVED) {
    assert(Object.keys(KAFKA_APIS).some((api) => apis.test(api) && !served.has(api)), why);
    assertEquals([...served].filter((api) => apis.test(api)), []);
  }
});
