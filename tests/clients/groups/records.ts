/**
 * The producer of the group suites: numbered records, and a ledger of those that were acknowledged.
 *
 *     records.ts serves KEY                    exit code 0 when the broker serves the API of that key
 *     records.ts topic TOPIC                   makes the topic, with 6 partitions
 *     records.ts write TOPIC FROM PER_SECOND   writes FROM, FROM + 1, … until SIGTERM; prints each number that was acknowledged
 */
import { Admin } from "../../../src/client/admin.ts";
import { Cluster } from "../../../src/client/cluster.ts";
import { Connection } from "../../../src/client/connection.ts";
import { Producer } from "../../../src/client/producer.ts";
import { ApiVersions } from "../../../src/protocol/messages/api_versions.ts";
import { broker } from "../checks.ts";

const PARTITIONS = 6;
const [command, name, from, perSecond] = Deno.args;
const { hostname, port, address } = broker();

switch (command) {
  case "serves": {
    const connection = await Connection.open({ host: hostname, port });
    const { apiKeys } = await connection.request(ApiVersions, 3, {
      clientSoftwareName: "records",
      clientSoftwareVersion: "1",
    });
    connection.close();
    Deno.exit(apiKeys.some(({ apiKey }) => apiKey === Number(name)) ? 0 : 1);
    break;
  }
  case "topic": {
    using admin = new Admin({ bootstrap: address });
    await admin.createTopics([{ name, partitions: PARTITIONS, replicationFactor: 1 }]);
    break;
  }
  case "write":
    await write(name, Number(from), Number(perSecond));
    break;
  default:
    throw new Error(`Cannot run "${command}": needed is serves, topic or write`);
}

/** Goes on through restarts of the broker: what is not acknowledged is retried. */
async function write(topic: string, first: number, perSecond: number): Promise<void> {
  let isOver = false;
  Deno.addSignalListener("SIGTERM", () => isOver = true);
  const cluster = new Cluster({ bootstrap: address });
  const producer = new Producer(cluster);
  const waiting = new Set<Promise<void>>();
  for (let number = first; !isOver; number++) {
    const sending = producer
      .send({ topic, key: null, partition: number % PARTITIONS, value: String(number) })
      .then(() => console.log(number))
      .finally(() => waiting.delete(sending));
    waiting.add(sending);
    await new Promise((resolve) => setTimeout(resolve, 1000 / perSecond));
  }
  await Promise.all(waiting);
  await producer.close();
  cluster.close();
}
