/**
 * Asks a Kafka and writes down what it answers, for tests/broker/acls_as_kafka_test.ts:
 *
 *     deno run --allow-net --allow-write tests/transcripts/acls/record.ts 127.0.0.1:9092
 *
 * The Kafka is new, has StandardAuthorizer, a SASL_PLAINTEXT listener with PLAIN, the super user admin, and users u0 to
 * u300, all with the password "pw".
 */
import { playAll } from "./player.ts";
import { record } from "./recording.ts";

if (import.meta.main) await record(playAll, new URL("answers.json", import.meta.url));
