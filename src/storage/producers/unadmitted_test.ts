/**
 * Proves what becomes of a transaction that a replay finds open. A power loss may have left its records and not the
 * coordinator's word on them, so nothing is added to it, and no batch of it is called kept, before the coordinator was asked
 * anew; and nothing of a later epoch joins what was left, which a marker of that one would end with it.
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "../../protocol/errors.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { buildEndTxnBatch } from "../../protocol/records/control_record.ts";
import { ProducerState, type Verdict } from "./producer_state.ts";
import type { Verification } from "./verifications.ts";

const NOW = 1_700_000_000_000;

/** Two transactional batches of producer 1, epoch 3, in a log that is read anew. */
function replayed(): Log {
  const log = new Log(new ProducerState());
  const asked = log.ask(3, 0);
  assertEquals(log.send(3, 0, asked), { kind: "append" });
  assertEquals(log.send(3, 1, null), { kind: "append" });
  return new Log(log.replayed(), log.batches);
}

class Log {
  constructor(readonly state: ProducerState, readonly batches: Uint8Array[] = []) {}

  ask(epoch: number, baseSequence: number): Verification | number | null {
    return this.state.beginVerification(batchOf(epoch, baseSequence), true, NOW);
  }

  /** `verification` as an append has it; undefined where nothing is asked. */
  send(epoch: number, baseSequence: number, verification: unknown): Verdict {
    const bytes = batchOf(epoch, baseSequence);
    const claim = { origin: "client", verification: verification as Verification } as const;
    const verdict = this.state.check(bytes, claim, NOW);
    if (verdict.kind === "append") this.#take(bytes);
    return verdict;
  }

  abort(epoch: number): void {
    const bytes = buildEndTxnBatch({
      isCommit: false,
      coordinatorEpoch: 0,
      producerId: 1,
      producerEpoch: epoch,
      timestampMs: NOW,
    });
    const claim = { origin: "coordinator", transactionVersion: 2 } as const;
    assertEquals(this.state.check(bytes, claim, NOW), { kind: "append" });
    this.#take(bytes);
  }

  replayed(): ProducerState {
    const state = new ProducerState();
    for (const [offset, bytes] of this.batches.entries()) state.apply(bytes, offset);
    return state;
  }

  #take(bytes: Uint8Array): void {
    this.state.apply(bytes, this.batches.length, NOW, 2);
    this.batches.push(bytes);
  }
}

function batchOf(producerEpoch: number, baseSequence: number): Uint8Array {
  const records = [{ timestampMs: NOW, value: new Uint8Array(1) }];
  const producer = { producerId: 1, producerEpoch, baseSequence, isTransactional: true };
  return buildBatch({ records, ...producer });
}

const NOT_IN_TRANSACTION = { kind: "error", code: ErrorCode.INVALID_TXN_STATE } as const;
const LEFT_OPEN = { kind: "error", code: ErrorCode.CONCURRENT_TRANSACTIONS } as const;

for (
  const [what, read] of [
    ["replayed", replayed],
    ["restored from a snapshot", () => {
      const { state, batches } = replayed();
      return new Log(ProducerState.restore(state.entries(), NOW), batches);
    }],
  ] as const
) {
  Deno.test(`the next batch of a transaction that was ${what} is taken once the coordinator was asked, and then nobody is asked again`, () => {
    const log = read();
    assertEquals([...log.state.unadmitted()], [{ producerId: 1, producerEpoch: 3 }]);
    assertEquals(log.send(3, 2, null), NOT_IN_TRANSACTION);
    const asked = log.ask(3, 2);
    assert(asked !== null && typeof asked !== "number");
    assertEquals(log.send(3, 2, asked), { kind: "append" });
    assertEquals([...log.state.unadmitted()], []);
    assertEquals(log.ask(3, 3), null);
    assertEquals(log.send(3, 3, null), { kind: "append" });
  });
}

Deno.test("a retry of what is there is told so only once the coordinator was asked", () => {
  const log = replayed();
  assertEquals(log.send(3, 1, null), NOT_IN_TRANSACTION);
  const asked = log.ask(3, 1);
  assertEquals(log.send(3, 1, asked).kind, "duplicate");
  assertEquals([...log.state.unadmitted()], []);
  assertEquals(log.send(3, 1, null).kind, "duplicate");
  assertEquals(log.state.verifications?.size, 0);
});

Deno.test("an answer that a marker overtook admits no retry", () => {
  const log = replayed(), asked = log.ask(3, 1);
  log.abort(4);
  assertEquals(log.send(3, 1, asked), { kind: "error", code: ErrorCode.INVALID_PRODUCER_EPOCH });
});

Deno.test("nothing of a later epoch joins what was left open; it may come once that is ended", () => {
  const log = replayed();
  assertEquals(log.ask(4, 0), ErrorCode.CONCURRENT_TRANSACTIONS);
  const other = new Log(new ProducerState());
  assertEquals(log.send(4, 0, other.ask(4, 0)), LEFT_OPEN);
  log.abort(4);
  assertEquals(log.send(4, 0, log.ask(4, 0)), { kind: "append" });
  assertEquals([...log.state.unadmitted()], []);
});

Deno.test("where nobody is asked, what was left open is gone on with, as in Kafka", () => {
  const log = replayed();
  assertEquals(log.send(3, 1, undefined).kind, "duplicate");
  assertEquals(log.send(3, 2, undefined), { kind: "append" });
});

Deno.test("the coordinator's word counts for the transaction that it was given on, and for no other", () => {
  const log = replayed();
  log.state.admit({ producerId: 1, producerEpoch: 2 });
  log.state.admit({ producerId: 2, producerEpoch: 3 });
  assertEquals([...log.state.unadmitted()].length, 1);
  log.state.admit({ producerId: 1, producerEpoch: 3 });
  assertEquals([...log.state.unadmitted()], []);
  assertEquals(log.send(3, 2, null), { kind: "append" });
});
