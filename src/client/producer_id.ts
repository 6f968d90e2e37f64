/** Producer ids: who an idempotent producer is to the partitions it sends to, by the broker's word. */
import { InitProducerId } from "../protocol/messages/init_producer_id.ts";
import type { CallOptions } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import { check } from "./errors.ts";
import type { Identity } from "./partition_sender.ts";

/** One that nobody has had, of no transactional id. Retries; throws KafkaError and ConnectionError. */
export async function newProducerId(cluster: Cluster, call: CallOptions = {}): Promise<Identity> {
  return await cluster.retry(async () => {
    const connection = await cluster.anyConnection();
    const answer = await connection.request(InitProducerId, connection.versionFor(InitProducerId), {
      transactionalId: null,
      transactionTimeoutMs: 0x7fffffff,
    });
    check(answer.errorCode, "producer id");
    return { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
  }, call);
}
