/**
 * kafkajs that logs in, against a running broker (`BROKERS`, a SASL listener with the user admin of PLAIN, password "of the
 * broker", and SCRAM): users, records there and back, and what a wrong password comes to. With SASL_CA (a PEM file) the
 * listener is SASL_SSL.
 */
import { assertEquals, assertRejects } from "@std/assert";
import kafkajs from "kafkajs";
import { randomBytes } from "node:crypto";
import { Connection } from "../../src/client/connection.ts";
import { AlterUserScramCredentials } from "../../src/protocol/messages/alter_user_scram_credentials.ts";
import { hashOf, saltedPassword } from "../../src/security/sasl/scram_credential.ts";
import { broker, freshTopic, Suite } from "./checks.ts";

const { Kafka, logLevel, Partitioners } = kafkajs;
const { address } = broker(), [host, port] = address.split(":");
const caFile = Deno.env.get("SASL_CA"), caCerts = caFile ? [Deno.readTextFileSync(caFile)] : [];
const tls = caFile ? { caCerts } : undefined;
const suite = new Suite("sasl");
const password = "pencil";

await suite.check("src/client logs in by PLAIN and makes a user of each SCRAM", async () => {
  const sasl = { mechanism: "PLAIN", username: "admin", password: "of the broker" } as const;
  const connection = await Connection.open({ host, port: Number(port), sasl, tls });
  for (const mechanism of ["SCRAM-SHA-256", "SCRAM-SHA-512"]) {
    const hash = hashOf(mechanism)!, salt = new Uint8Array(randomBytes(20)), iterations = 4096;
    const bytes = new TextEncoder().encode(password);
    const salted = await saltedPassword(hash, { password: bytes, salt, iterations });
    const upsertion = { name: "js", mechanism: hash.number, iterations, salt };
    const { results: [{ errorCode }] } = await connection.request(AlterUserScramCredentials, 0, {
      deletions: [],
      upsertions: [{ ...upsertion, saltedPassword: salted }],
    });
    assertEquals(errorCode, 0);
  }
  connection.close();
});

for (const mechanism of ["scram-sha-256", "scram-sha-512"] as const) {
  const client = (word: string) =>
    new Kafka({
      clientId: "sasl",
      brokers: [tls ? `localhost:${port}` : address],
      ...tls && { ssl: { ca: caCerts, servername: "localhost" } },
      sasl: { mechanism, username: "js", password: word } as kafkajs.SASLOptions,
      logLevel: logLevel.NOTHING,
      retry: { retries: 2 },
    });

  await suite.check(`kafkajs by ${mechanism}: records return in order, to a group`, async () => {
    const topic = freshTopic("sasl"), kafka = client(password);
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    const consumer = kafka.consumer({ groupId: freshTopic("group") });
    await producer.connect();
    const values = Array.from({ length: 500 }, (_, i) => `${i}`);
    await producer.send({ topic, messages: values.map((value) => ({ value })) });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const got: string[] = [];
    const all = Promise.withResolvers<void>();
    await consumer.run({
      eachMessage: ({ message }) => {
        if (got.push(message.value!.toString()) === values.length) all.resolve();
        return Promise.resolve();
      },
    });
    await all.promise;
    await consumer.disconnect();
    await producer.disconnect();
    assertEquals(got, values);
  });

  await suite.check(`kafkajs by ${mechanism} with a wrong password is refused`, async () => {
    const admin = client("wrong").admin();
    await assertRejects(() => admin.connect(), Error, "SASL");
    await admin.disconnect();
  });
}

suite.finish();
