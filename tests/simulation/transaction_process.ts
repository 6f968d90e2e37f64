/** What goes with a process of a simulated world: both coordinators, and what is asked of transactions before anything is written. */
import type { Clock } from "../../src/clock.ts";
import { TrustedTime } from "../../src/clock/trusted_time.ts";
import type { Leadership } from "../../src/coordination/coordinator_log.ts";
import { GroupCoordinator } from "../../src/groups/coordinator.ts";
import {
  OrphanedTransactions,
  type OrphanedTransactionsOptions,
} from "../../src/handlers/orphaned_transactions.ts";
import { ProduceAdmission } from "../../src/handlers/produce_admission.ts";
import { consumerContext } from "../../src/testing/consumer_groups.ts";
import { SETTINGS as TRANSACTION_SETTINGS } from "../../src/testing/transactions.ts";
import { TransactionCoordinator } from "../../src/transactions/coordinator.ts";
import { CoordinatorGate } from "../../src/transactions/coordinator_gate.ts";
import type { MarkerWriter } from "../../src/transactions/marker_writer.ts";
import type { TransactionVersion } from "../../src/transactions/transaction.ts";
import { Violation } from "./transaction_ledger.ts";

export interface Life {
  readonly transactions: TransactionCoordinator;
  readonly groups: GroupCoordinator;
  readonly admission: ProduceAdmission;
  readonly gate: CoordinatorGate;
  readonly orphans: OrphanedTransactions;
}

export interface LifeOptions {
  readonly clock: Clock;
  /** While the process lives. */
  readonly wake: (delayMs: number, work: () => void) => () => void;
  readonly led: (of: "decisions" | "offsets") => Leadership;
  readonly logs: OrphanedTransactionsOptions["logs"];
  readonly writeMarker: MarkerWriter["write"];
  readonly level: () => TransactionVersion;
  readonly newProducerId: () => number;
  readonly met: (situation: string) => void;
  readonly fail: (error: Error) => void;
}

export function startLife(options: LifeOptions): Life {
  const { clock, wake, led, logs, writeMarker, level, newProducerId, met, fail } = options;
  const onEvent = (event: string, details: Record<string, unknown>) => {
    met(event);
    if (event.endsWith("work_failed")) fail(new Violation(JSON.stringify(details)));
  };
  const topic = (name: string, of: "decisions" | "offsets") => ({
    name,
    partitionCount: 1,
    create: () => Promise.resolve(),
    led: () => led(of),
  });
  const markers = { write: writeMarker };
  const transactions = new TransactionCoordinator({
    clock,
    time: new TrustedTime(clock),
    settings: TRANSACTION_SETTINGS,
    topic: topic("__transaction_state", "decisions"),
    markers,
    isKnown: () => true,
    transactionVersion: level,
    newProducerId: () => Promise.resolve(newProducerId()),
    give: () => {},
    wake,
    onEvent,
  });
  const groups = new GroupCoordinator({
    clock,
    settings: GROUP_SETTINGS,
    topic: topic("__consumer_offsets", "offsets"),
    consumer: consumerContext(),
    give: () => {},
    newId: () => "",
    wake,
    onEvent,
  });
  const gate = new CoordinatorGate(transactions);
  const admission = new ProduceAdmission({ gate, isVerifying: true, clock, onAnswered: () => {} });
  const orphans = new OrphanedTransactions({
    logs,
    coordinator: transactions,
    markers,
    turn: { isLong: false, next: () => Promise.resolve() },
    onEnded: () => met("what nobody knows is ended"),
  });
  return { transactions, groups, admission, gate, orphans };
}

const GROUP_SETTINGS = {
  initialRebalanceDelayMs: 3000,
  minSessionTimeoutMs: 1,
  maxSessionTimeoutMs: 60_000,
  maxSize: 6,
  maxGroups: 100,
  maxMemberBytes: 1 << 20,
  offsetsRetentionMs: Number.MAX_SAFE_INTEGER,
  offsetsRetentionCheckIntervalMs: 600_000,
  offsetMetadataMaxLength: 4096,
  offsetMetadataMaxBytes: 1 << 20,
  maxOffsets: 1 << 20,
};
