/**
 * kafkajs over TLS against a running broker (`BROKERS`, its CA in `TLS_CA`): records there and back, a group, and clients
 * that go on sending and coming while the certificate changes (`TLS_FILES` names the files that the broker reads, and
 * `TLS_NEXT` those to put there).
 */
import { assert, assertEquals } from "@std/assert";
import kafkajs from "kafkajs";
import tls from "node:tls";
import { broker, freshTopic, Suite } from "./checks.ts";

const { Kafka, logLevel, Partitioners } = kafkajs;
const ca = [Deno.readTextFileSync(Deno.env.get("TLS_CA")!)];
const [, port] = broker().address.split(":");
const suite = new Suite("tls");

function client(clientId: string) {
  return new Kafka({
    clientId,
    brokers: [`localhost:${port}`],
    ssl: { ca, servername: "localhost" },
    logLevel: logLevel.NOTHING,
    retry: { retries: 5 },
  });
}

const topic = freshTopic("tls");
const admin = client("admin").admin();
const producer = client("producer").producer({
  createPartitioner: Partitioners.DefaultPartitioner,
});

await suite.check("admin and producer connect, and create a topic", async () => {
  await admin.connect();
  await producer.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
});

await suite.check("1,000 records come back in order, large ones among them", async () => {
  const values = Array.from(
    { length: 1000 },
    (_, i) => `${i} ${"x".repeat(i % 100 === 0 ? 200_000 : 50)}`,
  );
  for (let at = 0; at < values.length; at += 100) {
    const messages = values.slice(at, at + 100).map((value) => ({ value }));
    await producer.send({ topic, messages });
  }
  const consumer = client("consumer").consumer({ groupId: freshTopic("group") });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const got: string[] = [];
  await new Promise<void>((resolve, reject) => {
    setTimeout(() => reject(new Error(`${got.length} of ${values.length} records`)), 60_000);
    consumer.run({
      eachMessage: ({ message }) => {
        got.push(message.value!.toString());
        if (got.length === values.length) resolve();
        return Promise.resolve();
      },
    });
  });
  await consumer.disconnect();
  assertEquals(got.join("\n") === values.join("\n"), true);
});

await suite.check("the certificate changes under load, and not one request fails", async () => {
  const files = Deno.env.get("TLS_FILES")!.split(","), next = Deno.env.get("TLS_NEXT")!.split(",");
  const first = await shown();
  let isOver = false, sent = 0, opened = 0;
  const failed: unknown[] = [];
  const sending = (async () => {
    while (!isOver) {
      await producer.send({ topic, messages: [{ value: "while it changes" }] }).then(
        () => sent++,
        (error) => failed.push(error),
      );
    }
  })();
  const coming = (async () => {
    while (!isOver) {
      await shown().then(() => opened++, (error) => failed.push(error));
    }
  })();
  for (const [index, file] of files.entries()) {
    Deno.writeTextFileSync(file, Deno.readTextFileSync(next[index]));
    await pause(50);
  }
  for (let tries = 0; await shown() === first; tries++) {
    assert(tries < 300, "the next certificate is taken");
    await pause(100);
  }
  await pause(500);
  isOver = true;
  await Promise.all([sending, coming]);
  assertEquals(failed.map(String), []);
  assert(sent > 0 && opened > 0, `${sent} sent, ${opened} opened`);
});

await producer.disconnect();
await admin.disconnect();
suite.finish();

/** The fingerprint of the certificate that a new connection is shown. */
function shown(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: "127.0.0.1",
      port: Number(port),
      ca,
      servername: "localhost",
    });
    socket.on("error", reject);
    socket.on("secureConnect", () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
