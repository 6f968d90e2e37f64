/**
 * Leaves a hanging transaction in both partitions of a new topic, as a directory from elsewhere may have them: written an
 * hour ago by a producer whose transaction the coordinator knows nothing of, and by one it does not know at all. The
 * broker must not verify (transaction.partition.verification.enable=false).
 *
 *     BROKERS=127.0.0.1:9092 deno run --allow-net --allow-env hang.ts TOPIC
 */
import { Admin } from "../../../src/client/admin.ts";
import { Connection } from "../../../src/client/connection.ts";
import { FindCoordinator } from "../../../src/protocol/messages/find_coordinator.ts";
import { InitProducerId } from "../../../src/protocol/messages/init_producer_id.ts";
import { Produce } from "../../../src/protocol/messages/produce.ts";
import { buildBatch } from "../../../src/protocol/records/build.ts";
import { broker } from "../checks.ts";

const [topic] = Deno.args, bootstrap = broker().address, [host, port] = bootstrap.split(":");
const admin = new Admin({ bootstrap });
await admin.createTopics([{ name: topic, partitions: 2 }]);
await admin.close();
const connection = await Connection.open({ host, port: Number(port) });

async function identity(): Promise<{ producerId: number; producerEpoch: number }> {
  await connection.request(FindCoordinator, 4, { keyType: 1, coordinatorKeys: [topic] });
  for (let i = 0; i < 100; i++) {
    const body = { transactionalId: topic, transactionTimeoutMs: 60_000 };
    const { errorCode, ...identity } = await connection.request(InitProducerId, 4, body);
    if (errorCode === 0) return identity;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("no producer id after 10 s");
}

const { producerId, producerEpoch } = await identity();
const producers = [{ producerId, producerEpoch }, { producerId: 424_242, producerEpoch: 3 }];
for (const [index, producer] of producers.entries()) {
  const record = { timestampMs: Date.now() - 3_600_000, value: new TextEncoder().encode("hangs") };
  const records = buildBatch({
    records: [record],
    ...producer,
    baseSequence: 0,
    isTransactional: true,
  });
  const { responses } = await connection.request(Produce, 11, {
    transactionalId: index === 0 ? topic : `${topic}-unknown`,
    acks: -1,
    timeoutMs: 10_000,
    topicData: [{ name: topic, partitionData: [{ index, records }] }],
  });
  const { errorCode } = responses[0].partitionResponses[0];
  if (errorCode !== 0) throw new Error(`partition ${index}: error ${errorCode}`);
}
connection.close();
