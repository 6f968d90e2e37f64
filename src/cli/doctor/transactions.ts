/** Transactions: those that hang, so that readers of what is committed wait behind them, and those open for too long. */
import { describeTransaction, listTransactions } from "../../client/transactions.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { findHanging } from "../txn/hanging.ts";
import { counted } from "../counted.ts";
import { type Check, durationText, type Found } from "./finding.ts";
import type { Scene } from "./scene.ts";
import { partitionsOf } from "./survey.ts";

/** As Kafka's find-hanging: transaction.max.timeout.ms where nobody changed it. */
const HANGING_MS = 900_000;
const LONG_MS = 60_000;
const MAX_PARTITIONS = 5000, MAX_DESCRIBED = 50, MAX_TOLD = 20;
/** What a coordinator may take to notice that the time of one is over. */
const GRACE_MS = 30_000;

export const transactionsCheck: Check = {
  name: "transactions",
  look: async (scene) => [...await hanging(scene), ...await overdue(scene)],
};

async function hanging(scene: Scene): Promise<Found[]> {
  const { cluster, survey: { topics } } = scene;
  const all = partitionsOf(topics, ({ leaderId }) => leaderId >= 0),
    asked = all.slice(0, MAX_PARTITIONS);
  await cluster.topics(); // all leaders at once
  const nowMs = Date.now();
  const { hanging, unasked } = await findHanging(cluster, asked, {
    longerThanMs: HANGING_MS,
    nowMs,
  });
  const found = hanging.slice(0, MAX_TOLD).map((one): Found => ({
    severity: "error",
    what:
      `A transaction hangs in ${one.topic}-${one.partition}: nobody will end it, and readers of what is committed wait at offset ${one.startOffset}`,
    evidence: `of producer ${one.producerId}, whose last record is ${
      durationText(nowMs - one.lastTimestampMs)
    } old, and of which no coordinator knows`,
    command: scene.runnel([
      "txn",
      "abort",
      `--topic=${one.topic}`,
      `--partition=${one.partition}`,
      `--start-offset=${one.startOffset}`,
    ]),
  }));
  if (hanging.length > MAX_TOLD) {
    const more = counted(hanging.length - MAX_TOLD, "more transaction");
    found.push({
      severity: "error",
      what: `${more} hang`,
      command: scene.runnel(["txn", "find-hanging"]),
    });
  }
  // Of those that are offline the check of partitions tells.
  const denied = unasked.filter(({ error }) => error.code === ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  const more = denied.length + all.length - asked.length;
  if (more > 0) {
    found.push({
      severity: "unseen",
      what: `${counted(more, "partition")}, which this user may not read or are too many`,
    });
  }
  return found;
}

/** Open for longer than its own timeout, by which its coordinator ends it. */
async function overdue(scene: Scene): Promise<Found[]> {
  const { cluster } = scene, nowMs = Date.now(), found: Found[] = [];
  const open = await listTransactions(cluster, { states: ["Ongoing"], longerThanMs: LONG_MS });
  for (const { transactionalId } of open.slice(0, MAX_DESCRIBED)) {
    const one = await describeTransaction(cluster, transactionalId);
    if (one === null || one.startTimeMs === null || one.state !== "Ongoing") continue;
    const openMs = nowMs - one.startTimeMs, isOverdue = openMs > one.timeoutMs + GRACE_MS;
    if (!isOverdue && openMs < HANGING_MS) continue;
    found.push({
      severity: isOverdue ? "warning" : "note",
      what: `The transaction of ${transactionalId} has been open for ${durationText(openMs)}`,
      evidence: `its timeout is ${durationText(one.timeoutMs)}, and it writes to ${
        counted(one.partitions.length, "partition")
      }`,
      command: scene.runnel(["txn", "describe"], [transactionalId]),
    });
  }
  return found;
}
