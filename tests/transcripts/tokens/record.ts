/**
 * Asks a Kafka and writes down what it answers, for tests/broker/tokens_as_kafka_test.ts:
 *
 *     deno run -A tests/transcripts/tokens/record.ts LOG_IN OPEN [without-key]
 *
 * LOG_IN is the host:port of a SASL_PLAINTEXT listener with PLAIN and SCRAM-SHA-256 and -512, OPEN that of a PLAINTEXT one.
 * The Kafka is new, has StandardAuthorizer, the super user admin with the password "pw" of PLAIN, and
 * delegation.token.secret.key as player.ts has it; or none, for the last word.
 */
import { Connection } from "../../../src/client/connection.ts";
import { playAll, prepare } from "./player.ts";
import { STEPS, WITHOUT_KEY } from "./steps.ts";

if (import.meta.main) {
  const [login, open, word] = Deno.args, isWithout = word === "without-key";
  const at = (address: string) => {
    const [host, port] = address.split(":");
    return { host, port: Number(port) };
  };
  const broker = {
    open: () => Connection.open(at(open)),
    logIn: (sasl: Parameters<typeof Connection.open>[0]["sasl"]) =>
      Connection.open({ ...at(login), sasl }),
    admin: { mechanism: "PLAIN", username: "admin", password: "pw" } as const,
    settleMs: 300,
  };
  await prepare(broker);
  const answers = await playAll(broker, isWithout ? WITHOUT_KEY : STEPS);
  const file = new URL(isWithout ? "answers_without_key.json" : "answers.json", import.meta.url);
  await Deno.writeTextFile(file, `${JSON.stringify(answers, null, 1)}\n`);
  console.log(`${Object.keys(answers).length} answers`);
}
