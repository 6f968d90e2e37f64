/**
 * Asks a Kafka and writes down what it answers, for tests/broker/acl_forms_as_kafka_test.ts:
 *
 *     deno run --allow-net --allow-write tests/transcripts/acl_forms/record.ts 127.0.0.1:9092
 *
 * The Kafka is new, has StandardAuthorizer, a SASL_PLAINTEXT listener with PLAIN, the super user admin, and users u0 to
 * u200, all with the password "pw".
 */
import { record } from "../acls/recording.ts";
import { playAll } from "./player.ts";

if (import.meta.main) await record(playAll, new URL("answers.json", import.meta.url));
