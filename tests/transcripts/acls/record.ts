/**
 * Asks a Kafka and writes down what it answers, for tests/broker/acls_as_kafka_test.ts:
 *
 *     deno run --allow-net --allow-write tests/transcripts/acls/record.ts 127.0.0.1:9092
 *
 * The Kafka is new, has StandardAuthorizer, a SASL_PLAINTEXT listener with PLAIN, the super user admin, and users u0 to
 * u300, all with the password "pw".
 */
import { Asker } from "./asker.ts";
import { playAll } from "./player.ts";

if (import.meta.main) {
  const [address] = Deno.args;
  const admin = await Asker.open(address, "admin", "pw");
  const answers = await playAll(admin, (user) => Asker.open(address, user, "pw"));
  admin.close();
  const count = Object.values(answers).reduce((sum, one) => sum + Object.keys(one).length, 0);
  const text = JSON.stringify(answers, null, 1);
  await Deno.writeTextFile(new URL("answers.json", import.meta.url), `${text}\n`);
  console.log(`${count} answers to ${Object.keys(answers).length} questions`);
}
