/**
 * Plays the scenarios to a Kafka and writes down what it answers, for consumer_transcripts_test.ts and
 * tests/broker/mixed_groups_test.ts. The Kafka has group.initial.rebalance.delay.ms=0.
 *
 *     deno run --allow-net --allow-write tests/transcripts/record.ts 127.0.0.1:9092
 */
import { Admin } from "../../src/client/admin.ts";
import { Connection } from "../../src/client/connection.ts";
import { SCENARIOS, type Transcript } from "./consumer_scenarios.ts";
import { MixedPlayer } from "./mixed_player.ts";
import { MIXED_SCENARIOS, type MixedTranscript } from "./mixed_scenarios.ts";
import { Player } from "./player.ts";

if (import.meta.main) {
  const [hostname, port] = (Deno.args[0] ?? "").split(":");
  if (!port) throw new Error("Say which broker: host:port");
  const connect = () => Connection.open({ host: hostname, port: Number(port), clientId: "c" });
  const connection = await connect();
  const admin = new Admin({ bootstrap: `${hostname}:${port}` });
  let count = 0;
  const newGroup = () => `g${Date.now() % 1e8}x${count++}`;

  const transcripts: Record<string, Transcript> = {};
  for (const [name, steps] of Object.entries(SCENARIOS)) {
    transcripts[name] = await new Player(connection, admin, newGroup()).playAll(
      steps,
    );
    console.log(`${name}: ${transcripts[name].length} answers`);
  }
  write("consumer_answers.json", transcripts);

  const mixed: Record<string, MixedTranscript> = {};
  for (const [name, steps] of Object.entries(MIXED_SCENARIOS)) {
    const player = new MixedPlayer({
      connect,
      connection,
      admin,
      group: newGroup(),
    });
    mixed[name] = await player.playAll(steps);
    console.log(`${name}: ${mixed[name].length} answers`);
  }
  write("mixed_answers.json", mixed);
  await admin.close();
  connection.close();
}

function write(file: string, answers: unknown): void {
  Deno.writeTextFileSync(
    new URL(file, import.meta.url),
    JSON.stringify(answers, null, 1) + "\n",
  );
}
