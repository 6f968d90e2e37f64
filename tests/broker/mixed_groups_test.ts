/**
 * Proves that groups change from the classic protocol to the consumer protocol and back while members live as in
 * Kafka: each scenario is played to a whole broker, over the wire, and compared with the answers of Apache Kafka 4.4.0.
 */
import { assert, assertEquals } from "@std/assert";
import { Admin } from "../../src/client/admin.ts";
import { MixedPlayer } from "../transcripts/mixed_player.ts";
import { MIXED_SCENARIOS, type MixedTranscript } from "../transcripts/mixed_scenarios.ts";
import { TestBroker } from "./harness.ts";

const answers: Record<string, MixedTranscript> = JSON.parse(
  await Deno.readTextFile(new URL("../transcripts/mixed_answers.json", import.meta.url)),
);

for (const [name, steps] of Object.entries(MIXED_SCENARIOS)) {
  Deno.test(`as Kafka: ${name}`, async () => {
    await using broker = await TestBroker.start({ groups: { initialRebalanceDelayMs: 0 } });
    const connection = await broker.connect();
    const admin = new Admin({ bootstrap: `127.0.0.1:${broker.port}` });
    const connect = () => broker.connect();
    const player = new MixedPlayer({ connect, connection, admin, group: "a-group" });
    const transcript = await player.playAll(steps);
    await admin.close();
    const asked = steps.filter(({ do: what }) => !SILENT.has(what));
    assert(transcript.length === answers[name].length, "a step is missing in the transcript");
    transcript.forEach((answer, i) =>
      assertEquals(answer, answers[name][i], `answer ${i} of ${asked.length}`)
    );
  });
}

/** Steps that are not answered. */
const SILENT: ReadonlySet<string> = new Set(["create", "grow", "delete", "wait"]);
