/** `runnel txn find-hanging`: transactions that hold up readers though nobody will end them, and how each is ended. */
import { systemClock } from "../../clock.ts";
import { nameOf } from "../../client/group/partitions_by_topic.ts";
import type { OpenInPartition } from "../../client/transactions.ts";
import { ConfigError } from "../../config/load.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { connected, type Work } from "../connected.ts";
import { counted } from "../counted.ts";
import type { Output } from "../output.ts";
import { printable } from "../table.ts";
import { findHanging } from "./hanging.ts";
import { longerThanMs, seconds, unknownPartition } from "./txn_text.ts";

/** Kafka's largest transaction.max.timeout.ms by default: what is open for longer was to be aborted before. */
const HANGING_AFTER_MS = 900_000;

export const findHangingTxns: Run = (call) => connected(call, searching(call));

/** Throws ConfigError. */
export function searching(call: Call): Work {
  const topic = call.text("--topic");
  const partition = call.whole("--partition", { max: 0x7fffffff });
  if (partition !== null && topic === null) throw call.misused("--partition needs --topic");
  const olderMs = longerThanMs(call) ?? HANGING_AFTER_MS;
  return async ({ cluster, out }) => {
    const topics = await cluster.retry(() => cluster.topics());
    const some = topics.filter(({ name }) => topic === null || name === topic);
    if (topic !== null && some.length === 0) throw new ConfigError(`There is no topic ${topic}`);
    const partitions = some.flatMap(({ name, partitions }) =>
      partitions.map(({ index }) => ({ topic: name, partition: index }))
    ).filter((one) => partition === null || one.partition === partition);
    if (partition !== null && partitions.length === 0) {
      throw unknownPartition(topic!, partition, some[0].partitions.length);
    }
    const nowMs = systemClock.nowMs();
    const found = await findHanging(cluster, partitions, { longerThanMs: olderMs, nowMs });
    const { hanging, unasked } = found;
    if (out.isJson) { for (const one of hanging) out.json(one); }
    else if (hanging.length > 0) print(out, hanging, nowMs);
    else {
      const searched = counted(partitions.length - unasked.length, "partition");
      out.line(`Nothing hangs in ${searched} (--longer-than ${olderMs / 1000}s)`);
    }
    for (const one of unasked) {
      console.error(
        `runnel: ${printable(`${nameOf(one)} was not searched: ${one.error.message}`)}`,
      );
    }
    return unasked.length > 0 ? 1 : 0;
  };
}

function print(out: Output, hanging: readonly OpenInPartition[], nowMs: number): void {
  out.table(
    ["partition", "start offset", "producer", "epoch", "coordinator epoch", "last record"],
    hanging.map((one) => [
      nameOf(one),
      one.startOffset,
      one.producerId,
      one.producerEpoch,
      one.coordinatorEpoch,
      `${seconds(nowMs - one.lastTimestampMs)} ago`,
    ]),
  );
  out.line();
  out.line("No coordinator will end these. Each is aborted by");
  for (const { topic, partition, startOffset } of hanging) {
    out.line(
      `  runnel txn abort --topic ${topic} --partition ${partition} --start-offset ${startOffset}`,
    );
  }
}
