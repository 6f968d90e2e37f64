/** `runnel txn abort`: ends a transaction from outside: by its id, or in one partition where it hangs. */
import type { Cluster } from "../../client/cluster.ts";
import { KafkaError } from "../../client/errors.ts";
import { nameOf } from "../../client/group/partitions_by_topic.ts";
import {
  abortInPartition,
  describeTransaction,
  fenceProducer,
  type OpenInPartition,
  openTransactions,
} from "../../client/transactions.ts";
import { ConfigError } from "../../config/load.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { type Connected, connected, type Work } from "../connected.ts";
import { runnelLine } from "../shell_words.ts";
import { ownerOf, ownersOf } from "./hanging.ts";
import { type PartitionAbort, partitionAbortOf } from "./partition_abort.ts";
import { unknownId, unknownPartition } from "./txn_text.ts";

export const abortTxn: Run = (call) => connected(call, aborting(call));

/** Throws ConfigError. */
export function aborting(call: Call): Work {
  const [id] = call.words;
  if (call.text("--topic") === null) {
    const alone = OF_PARTITION.find((flag) => call.has(flag));
    if (alone !== undefined) throw call.misused(`takes ${alone} with --topic only`);
    if (id === "") {
      throw call.misused(
        "needs ID, a transactional id, or --topic, --partition and --start-offset",
      );
    }
    return (connected) => abortById(call, id, connected);
  }
  if (id !== "") throw call.misused(`with --topic it does not take "${id}"`);
  const asked = partitionAbortOf(call);
  return (connected) => abortByPartition(call, asked, connected);
}

const OF_PARTITION = [
  "--partition",
  "--start-offset",
  "--producer-id",
  "--producer-epoch",
  "--coordinator-epoch",
  "--force",
];

async function abortById(
  call: Call,
  transactionalId: string,
  { cluster, out, bootstrap }: Connected,
): Promise<number> {
  const found = await describeTransaction(cluster, transactionalId);
  if (found === null) throw unknownId(transactionalId);
  const { state, producerId, producerEpoch } = found, id = `Transactional id ${transactionalId}`;
  if (state.startsWith("Prepare")) {
    throw new ConfigError(
      `${id} is in ${state}: how its transaction ends is decided, and markers are being written`,
    );
  }
  if (state !== "Ongoing") {
    throw new ConfigError(`${id} is in ${state}: it has no open transaction`);
  }
  const question =
    `Abort the transaction of ${transactionalId} at ${bootstrap} and fence its producer?`;
  if (!confirmed(call, question)) return 1;
  const isDone = await isFencedWhole(cluster, transactionalId, found.timeoutMs);
  const fenced = `its producer ${producerId}, epoch ${producerEpoch}, is fenced`;
  if (out.isJson) out.json({ transactionalId, producerId, producerEpoch, markersWritten: isDone });
  else if (isDone) out.line(`${id}: its transaction is aborted, and ${fenced}`);
  else {
    out.line(
      `${id}: ${fenced} and its transaction will be aborted; markers are still being written`,
    );
  }
  return 0;
}

/** Whether the markers are written, too. */
async function isFencedWhole(
  cluster: Cluster,
  transactionalId: string,
  timeoutMs: number,
): Promise<boolean> {
  try {
    await fenceProducer(cluster, transactionalId, timeoutMs);
    return true;
  } catch (error) {
    const isUnderway = error instanceof KafkaError &&
      error.code === ErrorCode.CONCURRENT_TRANSACTIONS;
    if (!isUnderway) throw error;
    return false;
  }
}

async function abortByPartition(
  call: Call,
  { topic, partition, of, isForced }: PartitionAbort,
  { cluster, out, bootstrap }: Connected,
): Promise<number> {
  const where = { topic, partition };
  const known = await cluster.topic(topic); // so that a wrong name is told at once
  if (known.partitions[partition] === undefined) {
    throw unknownPartition(topic, partition, known.partitions.length);
  }
  const { open, unasked: [unasked] } = await openTransactions(cluster, [where]);
  if (unasked !== undefined) throw unasked.error;
  const isIt = (one: OpenInPartition) =>
    "startOffset" in of ? one.startOffset === of.startOffset : one.producerId === of.producerId;
  const found = open.find(isIt);
  if (found === undefined && !("producerId" in of && isForced)) {
    const others = open.map((one) => `${one.startOffset} (producer ${one.producerId})`).sort();
    const there = others.length === 0 ? "none is open" : `open are those at ${others.join(", ")}`;
    throw new ConfigError(
      "startOffset" in of
        ? `No transaction of ${nameOf(where)} begins at offset ${of.startOffset}: ${there}`
        : `Producer ${of.producerId} has no open transaction in ${
          nameOf(where)
        }: ${there}; --force writes the marker all the same`,
    );
  }
  const marker = "producerId" in of ? { ...where, ...of } : found!;
  const owner = isForced ? null : ownerOf(marker, await ownersOf(cluster, [marker]));
  if (owner !== null) {
    // A marker here alone would tear the transaction: its coordinator may commit the rest.
    throw new ConfigError(
      `The transaction of producer ${marker.producerId} in ${
        nameOf(where)
      } is one of ${owner.transactionalId} (${owner.state}), which ends it: \`${
        runnelLine(["txn", "abort"], [owner.transactionalId])
      }\`, or --force for this partition alone`,
    );
  }
  const { producerId, producerEpoch } = marker;
  const question = `Abort what producer ${producerId} has open in ${
    nameOf(where)
  } at ${bootstrap}?`;
  if (!confirmed(call, question)) return 1;
  await abortInPartition(cluster, marker);
  if (out.isJson) out.json({ ...where, producerId, producerEpoch });
  else out.line(`Aborted in ${nameOf(where)}: producer ${producerId}, epoch ${producerEpoch}`);
  return 0;
}
