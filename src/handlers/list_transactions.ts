/**
 * ListTransactions 0–2: the transactional ids that this node coordinates, those that fit every filter given. 14 while it does
 * not know all of them yet.
 *
 * Versions: 1 only what began longer ago than so many ms (of Kafka's rule: what never began is as old as can be) · 2 a
 * pattern that the whole id matches, by RE2 (128 when it is none, or costs too much). States that nobody knows come back
 * as unknown, and let nothing through.
 *
 * Ids that the asker may not describe are left out, before they are matched: what it costs shows nothing of them.
 */
import type { Clock } from "../clock.ts";
import type { Patterns } from "../groups/consumer/patterns.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { ListTransactions } from "../protocol/messages/list_transactions.ts";
import { Operation } from "../security/acl/acl.ts";
import type { TransactionCoordinator } from "../transactions/coordinator.ts";
import { listTransactions as list } from "../transactions/transaction_admin.ts";
import { stateNamed } from "../transactions/transaction.ts";
import { type Handler, handler } from "./handler.ts";

export interface ListTransactionsServices {
  readonly transactions: TransactionCoordinator;
  readonly patterns: Patterns;
  readonly clock: Clock;
}

export function listTransactions(services: ListTransactionsServices): Handler {
  const { transactions, patterns, clock } = services;
  return handler(ListTransactions, { min: 0, max: 2 }, async (request, { access }) => {
    const { stateFilters, transactionalIdPattern: pattern } = request;
    const states = stateFilters.map(stateNamed);
    const unknownStateFilters = stateFilters.filter((_, i) => states[i] === null);
    const isNone = states.length > 0 && unknownStateFilters.length === states.length;
    const kept = await list(transactions, {
      states: new Set(states.filter((state) => state !== null)),
      producerIds: new Set(request.producerIdFilters),
      durationMs: request.durationFilter,
    }, clock.nowMs());
    if (kept === null) return { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS };
    const listed = kept.filter(({ transactionalId }) =>
      access.mayTransactional(Operation.DESCRIBE, transactionalId)
    );
    const fitting = await fittingOf(patterns, pattern, listed.map((one) => one.transactionalId));
    if (fitting === null) return { errorCode: ErrorCode.INVALID_REGULAR_EXPRESSION };
    const transactionStates = listed.filter((one) => !isNone && fitting.has(one.transactionalId))
      .map(({ transactionalId, producerId, state }) => ({
        transactionalId,
        producerId,
        transactionState: state,
      }));
    return { errorCode: ErrorCode.NONE, unknownStateFilters, transactionStates };
  });
}

/** The ids that match; null when the pattern is refused. */
async function fittingOf(
  patterns: Patterns,
  pattern: string | null,
  ids: readonly string[],
): Promise<ReadonlySet<string> | null> {
  if (pattern === null || pattern === "") return new Set(ids);
  const verdict = await patterns.match(pattern, ids);
  return "fault" in verdict ? null : new Set(verdict.names);
}
