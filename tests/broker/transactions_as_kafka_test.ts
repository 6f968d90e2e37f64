/**
 * Proves that transactions are answered as in Kafka: whole histories are played to a broker, over the wire, and compared with
 * what Apache Kafka 4.4.0 answered; but for the differences that are on purpose, which stand in
 * tests/transcripts/transactions/differences.ts. Those that go through all epochs of a producer id are played by hand.
 */
import { assertEquals, assertNotEquals } from "@std/assert";
import { DIFFERENCES } from "../transcripts/transactions/differences.ts";
import { answersOf, differences, wantedOf } from "../transcripts/transactions/record.ts";
import { played, SCENARIOS } from "../transcripts/transactions/scenarios.ts";
import { TestBroker } from "./harness.ts";

for (const [file, scenarios] of Object.entries(SCENARIOS)) {
  for (const [name, scenario] of Object.entries(scenarios)) {
    Deno.test({
      name: `as Kafka, ${file}: ${name}`,
      ignore: scenario.isLong ?? false,
      fn: async () => {
        await using broker = await TestBroker.start({
          groups: { initialRebalanceDelayMs: 0 },
          transactions: { abortTimedOutIntervalMs: 500 },
        });
        const transcript = await played(scenario, `127.0.0.1:${broker.port}`);
        assertEquals(differences(wantedOf(file, name), transcript), []);
      },
    });
  }
}

Deno.test("what differs from Kafka on purpose does differ", () => {
  const kafka = Object.assign({}, ...Object.keys(SCENARIOS).map((file) => answersOf(file)));
  const ours = answersOf("ours");
  for (const name of Object.keys(DIFFERENCES)) assertNotEquals(ours[name], kafka[name], name);
});
