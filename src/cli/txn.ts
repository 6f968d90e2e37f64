/**
 * `runnel txn list|describe|find-hanging|abort`: the transactions of a running broker, Runnel or any Kafka; which of
 * them hold up readers though nobody will end them; and how one is ended from outside.
 */
import { Cluster } from "../client/cluster.ts";
import { ConnectionError, KafkaError } from "../client/errors.ts";
import type { TopicPartition } from "../client/list_offsets.ts";
import {
  abortInPartition,
  describeTransaction,
  fenceProducer,
  listTransactions,
  type OpenInPartition,
  openTransactions,
  type TransactionDescription,
} from "../client/transactions.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { clientErrorLine } from "./arguments.ts";
import { printable, table } from "./table.ts";
import { parsedTxn, type PartitionAbort, type TxnAsked } from "./txn_arguments.ts";
import { findHanging, ownerOf, ownersOf } from "./txn_hanging.ts";

export async function runTxn(args: readonly string[]): Promise<number> {
  const asked = await parsedTxn(args);
  const { bootstrap, security } = asked;
  const cluster = new Cluster({ bootstrap, ...security, callTimeoutMs: 10_000 });
  try {
    await cluster.anyConnection(); // once, so that a wrong address is told at once
    const { out, errors } = await answerTxn(cluster, asked);
    if (out.length > 0) console.log(out.map(printable).join("\n"));
    for (const line of errors) console.error(`runnel: ${printable(line)}`);
    return errors.length > 0 ? 1 : 0;
  } catch (error) {
    if (!(error instanceof ConnectionError || error instanceof KafkaError)) throw error;
    console.error(`runnel: ${clientErrorLine(error)}`);
    return 1;
  } finally {
    cluster.close();
  }
}

/** What is printed, and what was wrong. */
interface Told {
  readonly out: readonly string[];
  readonly errors: readonly string[];
}

const told = (...out: string[]): Told => ({ out, errors: [] });
const wrong = (...errors: string[]): Told => ({ out: [], errors });

/** Throws KafkaError and ConnectionError. */
export async function answerTxn(cluster: Cluster, asked: TxnAsked): Promise<Told> {
  switch (asked.action) {
    case "list":
      return told(...listed(await listTransactions(cluster, asked.filters)));
    case "describe": {
      const found = await describeTransaction(cluster, asked.transactionalId);
      return found === null
        ? unknown(asked.transactionalId)
        : told(...described(found, Date.now()));
    }
    case "find-hanging":
      return await searched(cluster, asked);
    case "abort":
      return await abortById(cluster, asked.transactionalId);
    case "abort in partition":
      return await abortByPartition(cluster, asked);
  }
}

function unknown(transactionalId: string): Told {
  return wrong(`There is no transactional id ${transactionalId}: \`runnel txn list\``);
}

function listed(transactions: Awaited<ReturnType<typeof listTransactions>>): string[] {
  return table(
    ["TRANSACTIONAL ID", "STATE", "PRODUCER", "COORDINATOR"],
    transactions.map((
      one,
    ) => [one.transactionalId, one.state, `${one.producerId}`, `${one.coordinatorId}`]),
  );
}

/** What is printed of one. */
export function described(found: TransactionDescription, nowMs: number): string[] {
  const { producerId, producerEpoch, coordinatorId, timeoutMs, startTimeMs, partitions } = found;
  const since = startTimeMs === null
    ? "No transaction is open"
    : `Open for ${seconds(nowMs - startTimeMs)}, since ${new Date(startTimeMs).toISOString()}`;
  return [
    `Transactional id ${found.transactionalId}: ${found.state}`,
    `Producer ${producerId}, epoch ${producerEpoch}; coordinator ${coordinatorId}`,
    `${since}; timeout ${seconds(timeoutMs)}`,
    ...partitions.length === 0 ? [] : [
      "",
      found.state.startsWith("Prepare") ? "Partitions without a marker yet" : "Partitions",
      ...partitions.toSorted(inOrder).map((one) => `  ${nameOf(one)}`),
    ],
  ];
}

async function searched(
  cluster: Cluster,
  { topic, partition, longerThanMs }: TxnAsked & { action: "find-hanging" },
): Promise<Told> {
  const topics = await cluster.retry(() => cluster.topics());
  const some = topics.filter(({ name }) => topic === null || name === topic);
  if (topic !== null && some.length === 0) return wrong(`There is no topic ${topic}`);
  const partitions = some.flatMap(({ name, partitions }) =>
    partitions.map(({ index }) => ({ topic: name, partition: index }))
  ).filter((one) => partition === null || one.partition === partition);
  if (partition !== null && partitions.length === 0) {
    return wrong(
      `There is no partition ${partition} of ${topic}: it has 0 to ${
        some[0].partitions.length - 1
      }`,
    );
  }
  const nowMs = Date.now();
  const { hanging, unasked } = await findHanging(cluster, partitions, { longerThanMs, nowMs });
  return {
    out: hanging.length > 0 ? hangingTable(hanging, nowMs) : [
      `Nothing hangs in ${partitions.length - unasked.length} partition(s) (--longer-than ${
        longerThanMs / 1000
      })`,
    ],
    errors: unasked.map((one) => `${nameOf(one)} was not searched: ${one.error.message}`),
  };
}

/** What is printed of those that hang, and how they are ended. */
function hangingTable(hanging: readonly OpenInPartition[], nowMs: number): string[] {
  return [
    ...table(
      ["PARTITION", "START OFFSET", "PRODUCER", "EPOCH", "COORDINATOR EPOCH", "LAST RECORD"],
      hanging.map((one) => [
        nameOf(one),
        `${one.startOffset}`,
        `${one.producerId}`,
        `${one.producerEpoch}`,
        `${one.coordinatorEpoch}`,
        `${seconds(nowMs - one.lastTimestampMs)} ago`,
      ]),
    ),
    "",
    "No coordinator will end these. Each is aborted by",
    ...hanging.map((one) =>
      `  runnel txn abort --topic ${one.topic} --partition ${one.partition} --start-offset ${one.startOffset}`
    ),
  ];
}

async function abortById(cluster: Cluster, transactionalId: string): Promise<Told> {
  const found = await describeTransaction(cluster, transactionalId);
  if (found === null) return unknown(transactionalId);
  const { state, producerId, producerEpoch } = found, id = `Transactional id ${transactionalId}`;
  if (state.startsWith("Prepare")) {
    return wrong(
      `${id} is in ${state}: how its transaction ends is decided, and markers are being written`,
    );
  }
  if (state !== "Ongoing") return wrong(`${id} is in ${state}: it has no open transaction`);
  const fenced = `its producer ${producerId}, epoch ${producerEpoch}, is fenced`;
  try {
    await fenceProducer(cluster, transactionalId, found.timeoutMs);
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code !== ErrorCode.CONCURRENT_TRANSACTIONS) {
      throw error;
    }
    return told(
      `${id}: ${fenced} and its transaction will be aborted; markers are still being written`,
    );
  }
  return told(`${id}: its transaction is aborted, and ${fenced}`);
}

async function abortByPartition(
  cluster: Cluster,
  { topic, partition, of, isForced }: PartitionAbort,
): Promise<Told> {
  const where = { topic, partition };
  const known = await cluster.topic(topic); // so that a wrong name is told at once
  if (known.partitions[partition] === undefined) {
    return wrong(
      `There is no partition ${partition} of ${topic}: it has 0 to ${known.partitions.length - 1}`,
    );
  }
  const { open, unasked: [unasked] } = await openTransactions(cluster, [where]);
  if (unasked !== undefined) throw unasked.error;
  const isIt = (one: OpenInPartition) =>
    "startOffset" in of ? one.startOffset === of.startOffset : one.producerId === of.producerId;
  const found = open.find(isIt);
  if (found === undefined && !("producerId" in of && isForced)) {
    const others = open.map((one) => `${one.startOffset} (producer ${one.producerId})`).sort();
    const there = others.length === 0 ? "none is open" : `open are those at ${others.join(", ")}`;
    return wrong(
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
    return wrong(
      `The transaction of producer ${marker.producerId} in ${
        nameOf(where)
      } is one of ${owner.transactionalId} (${owner.state}), which ends it: \`runnel txn abort ${owner.transactionalId}\`, or --force for this partition alone`,
    );
  }
  await abortInPartition(cluster, marker);
  return told(
    `Aborted in ${nameOf(where)}: producer ${marker.producerId}, epoch ${marker.producerEpoch}`,
  );
}

function inOrder(a: TopicPartition, b: TopicPartition): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
}

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`;

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
