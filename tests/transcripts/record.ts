/**
 * Plays the scenarios to a Kafka and writes down what it answers, for consumer_transcripts_test.ts:
 *
 *     deno run --allow-net --allow-write tests/transcripts/record.ts 127.0.0.1:9092
 */
import { Admin } from "../../src/client/admin.ts";
import { Connection } from "../../src/client/connection.ts";
import { SCENARIOS, type Transcript } from "./consumer_scenarios.ts";
import { Player } from "./player.ts";

if (import.meta.main) {
  const [hostname, port] = (Deno.args[0] ?? "").split(":");
  if (!port) throw new Error("Say which broker: host:port");
  const connection = await Connection.open({ host: hostname, port: Number(port), clientId: "c" });
  const admin = new Admin({ bootstrap: `${hostname}:${port}` });
  const transcripts: Record<string, Transcript> = {};
  let count = 0;
  for (const [name, steps] of Object.entries(SCENARIOS)) {
    const player = new Player(connection, admin, `g${Date.now() % 1e8}x${count++}`);
    transcripts[name] = await player.playAll(steps);
    console.log(`${name}: ${transcripts[name].length} answers`);
  }
  Deno.writeTextFileSync(
    new URL("./consumer_answers.json", import.meta.url),
    JSON.stringify(transcripts, null, 1) + "\n",
  );
  await admin.close();
  connection.close();
}
