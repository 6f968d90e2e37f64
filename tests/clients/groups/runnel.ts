/**
 * A consumer of Runnel's own: runnel.ts TOPIC GROUP range|cooperative-sticky|consumer. Prints each value, commits by
 * itself, leaves its group on SIGTERM.
 */
import { Consumer, type ConsumerOptions } from "../../../src/mod.ts";
import { broker } from "../checks.ts";

const [topic, groupId, protocol] = Deno.args;
const options: ConsumerOptions = protocol === "consumer" ? { groupProtocol: "consumer" } : {
  partitionAssignors: [protocol as "range"],
  sessionTimeoutMs: 6000,
  heartbeatIntervalMs: 1000,
};
const consumer = new Consumer({ bootstrap: broker().address }, {
  groupId,
  autoOffsetReset: "earliest",
  autoCommitIntervalMs: 500,
  ...options,
});
consumer.subscribe(topic);
Deno.addSignalListener("SIGTERM", async () => {
  await consumer.close();
  Deno.exit(0);
});
for await (const { value } of consumer) console.log(new TextDecoder().decode(value!));
