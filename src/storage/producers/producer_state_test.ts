/**
 * Producer state: the sequence, epoch and transaction rules, each against the answer a real broker gives; and that
 * a state restored from a snapshot, or replayed from the batches, judges as the one it came from. Batches are
 * headers without records, which is all the rules look at; markers are whole.
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "../../protocol/errors.ts";
import * as batch from "../../protocol/records/batch.ts";
import { readEndTxnMarker } from "./end_txn_marker.ts";
import { DEFAULT_PRODUCER_LIMITS, ProducerState } from "./producer_state.ts";

const MAX_SEQUENCE = 2 ** 31 - 1;
const NOW = 1_700_000_000_000;

interface Shape {
  id?: number;
  epoch?: number;
  seq?: number;
  count?: number;
  transactional?: boolean;
  timestampMs?: number;
}

function data(shape: Shape): Uint8Array {
  const { id = 1, epoch = 0, seq = 0, count = 1, transactional = false, timestampMs = NOW } = shape;
  const bytes = new Uint8Array(batch.BATCH_OVERHEAD);
  batch.writeHeader(bytes, 0, bytes.length, {
    baseOffset: 0,
    partitionLeaderEpoch: 0,
    attributes: transactional ? batch.TRANSACTIONAL_FLAG : 0,
    lastOffsetDelta: count - 1,
    baseTimestampMs: timestampMs,
    maxTimestampMs: timestampMs,
    producerId: id,
    producerEpoch: epoch,
    baseSequence: seq,
    recordCount: count,
  });
  return bytes;
}

function marker(
  shape: { id?: number; epoch?: number; commit: boolean; coordinatorEpoch?: number },
): Uint8Array {
  const { id = 1, epoch = 0, commit, coordinatorEpoch = 0 } = shape;
  // length 16, attributes, timestamp delta, offset delta, key (4 bytes), value (6 bytes), no headers
  const record = [32, 0, 0, 0, 8, 0, 0, 0, commit ? 1 : 0, 12, 0, 0, 0, 0, 0, coordinatorEpoch, 0];
  const bytes = new Uint8Array(batch.BATCH_OVERHEAD + record.length);
  bytes.set(record, batch.BATCH_OVERHEAD);
  batch.writeHeader(bytes, 0, bytes.length, {
    baseOffset: 0,
    partitionLeaderEpoch: 0,
    attributes: batch.TRANSACTIONAL_FLAG | batch.CONTROL_FLAG,
    lastOffsetDelta: 0,
    baseTimestampMs: NOW,
    maxTimestampMs: NOW,
    producerId: id,
    producerEpoch: epoch,
    baseSequence: -1,
    recordCount: 1,
  });
  return bytes;
}

/** A log in miniature: checks, then applies at the next offset. Answers "ok", "dup <offset>" or the error code. */
class Log {
  end = 0;
  state: ProducerState;
  readonly batches: [Uint8Array, number][] = [];

  constructor(limits = DEFAULT_PRODUCER_LIMITS) {
    this.state = new ProducerState(limits);
  }

  send(shape: Shape, origin: "client" | "coordinator" = "client", nowMs = NOW): string {
    return this.append(data(shape), origin, nowMs);
  }

  append(
    bytes: Uint8Array,
    origin: "client" | "coordinator" = "client",
    nowMs = NOW,
    transactionVersion = 0,
  ): string {
    const verdict = this.state.check(bytes, { origin, transactionVersion }, nowMs);
    if (verdict.kind === "error") return `error ${verdict.code}`;
    if (verdict.kind === "duplicate") return `dup ${verdict.baseOffset}-${verdict.lastOffset}`;
    this.batches.push([bytes, this.end]);
    this.completed = this.state.apply(bytes, this.end, nowMs);
    this.end += batch.lastOffsetDelta(bytes) + 1;
    return "ok";
  }

  completed: ReturnType<ProducerState["apply"]> = null;
}

Deno.test("a retry of one of the last five batches gives the first offsets; an older one and a gap give 45", () => {
  const log = new Log();
  for (let i = 0; i < 7; i++) assertEquals(log.send({ seq: i * 10, count: 10 }), "ok");
  for (let i = 2; i < 7; i++) {
    assertEquals(log.send({ seq: i * 10, count: 10 }), `dup ${i * 10}-${i * 10 + 9}`);
  }
  assertEquals(log.send({ seq: 10, count: 10 }), "error 45");
  assertEquals(log.send({ seq: 71, count: 10 }), "error 45");
  assertEquals(log.send({ seq: 60, count: 9 }), "error 45"); // not the same batch
  assertEquals(log.send({ seq: 70, count: 10 }), "ok");
});

Deno.test("an unknown producer may start anywhere, and goes on from there", () => {
  const log = new Log();
  assertEquals(log.send({ seq: 12345, epoch: 7, count: 5 }), "ok");
  assertEquals(log.send({ seq: 12349, epoch: 7 }), "error 45");
  assertEquals(log.send({ seq: 12350, epoch: 7 }), "ok");
});

Deno.test("a new epoch starts at sequence 0 and forgets the batches of the old one; an old epoch is 47", () => {
  const log = new Log();
  assertEquals(log.send({ seq: 0, count: 3 }), "ok");
  assertEquals(log.send({ epoch: 1, seq: 3 }), "error 45");
  assertEquals(log.send({ epoch: 1, seq: 0, count: 3 }), "ok");
  assertEquals(log.send({ epoch: 0, seq: 3 }), "error 47");
  assertEquals(log.send({ epoch: 0, seq: 0, count: 3 }), "error 47"); // a retry, too late
  assertEquals(log.send({ epoch: 1, seq: 0, count: 3 }), "dup 3-5");
  assertEquals(log.send({ epoch: 1, seq: 3 }), "ok");
});

Deno.test("sequences wrap at INT_MAX, between batches and within one", () => {
  const between = new Log();
  assertEquals(between.send({ seq: MAX_SEQUENCE - 1, count: 2 }), "ok");
  assertEquals(between.send({ seq: 1 }), "error 45");
  assertEquals(between.send({ seq: 0 }), "ok");
  const within = new Log();
  assertEquals(within.send({ seq: MAX_SEQUENCE - 1, count: 5 }), "ok");
  assertEquals(within.send({ seq: 3, count: 2 }), "ok");
  assertEquals(within.send({ seq: MAX_SEQUENCE - 1, count: 5 }), "dup 0-4");
});

Deno.test("producers do not mix", () => {
  const log = new Log();
  assertEquals(log.send({ id: 1, seq: 0 }), "ok");
  assertEquals(log.send({ id: 2, seq: 0 }), "ok");
  assertEquals(log.send({ id: 1, seq: 1 }), "ok");
  assertEquals(log.send({ id: 2, seq: 0 }), "dup 1-1");
  assertEquals(log.state.size, 2);
});

Deno.test("the coordinator's batches carry no sequences, only an epoch that counts", () => {
  const log = new Log();
  assertEquals(log.send({ seq: -1, epoch: 3, transactional: true }, "coordinator"), "ok");
  assertEquals(log.send({ seq: -1, epoch: 3, transactional: true }, "coordinator"), "ok");
  assertEquals(log.send({ seq: -1, epoch: 2, transactional: true }, "coordinator"), "error 47");
});

Deno.test("a transaction opens with its first batch and ends with its marker", () => {
  const log = new Log();
  log.send({ id: 9, seq: 0, count: 4 });
  assertEquals(log.state.firstUndecidedOffset, null);
  assertEquals(log.send({ seq: 0, count: 2, transactional: true }), "ok");
  assertEquals(log.send({ seq: 2, transactional: true }), "ok");
  assertEquals(log.state.firstUndecidedOffset, 4);
  assertEquals(log.send({ seq: 3 }), "error 48");
  assertEquals(log.append(marker({ commit: true }), "coordinator"), "ok");
  assertEquals(log.completed, {
    producerId: 1,
    firstOffset: 4,
    lastOffset: 7,
    isAborted: false,
    lastStableOffset: 8,
  });
  assertEquals(log.state.firstUndecidedOffset, null);
  assertEquals(log.send({ seq: 3 }), "ok");
});

Deno.test("an aborted transaction tells the last stable offset that the others leave", () => {
  const log = new Log();
  log.send({ id: 1, transactional: true });
  log.send({ id: 2, transactional: true });
  log.send({ id: 3, transactional: true });
  log.append(marker({ id: 2, commit: false }), "coordinator");
  assertEquals(log.completed!.lastStableOffset, 0);
  assertEquals(log.completed!.isAborted, true);
  log.append(marker({ id: 1, commit: false }), "coordinator");
  assertEquals(log.completed!.lastStableOffset, 2);
  log.append(marker({ id: 3, commit: false }), "coordinator");
  assertEquals(log.completed!.lastStableOffset, 6);
  log.append(marker({ id: 3, commit: false }), "coordinator"); // nothing to end
  assertEquals(log.completed, null);
});

Deno.test("a transaction stays unstable until the high watermark has passed its marker", () => {
  const log = new Log();
  log.send({ id: 1, transactional: true });
  log.send({ id: 2, transactional: true });
  log.append(marker({ id: 1, commit: true }), "coordinator"); // at offset 2
  assertEquals(log.state.firstUnstableOffset(2), 0);
  assertEquals(log.state.firstUnstableOffset(3), 1);
  log.append(marker({ id: 2, commit: true }), "coordinator");
  assertEquals(log.state.firstUnstableOffset(3), 1);
  assertEquals(log.state.firstUnstableOffset(4), null);
  log.send({ id: 1, seq: 1, transactional: true });
  assertEquals(log.state.firstUnstableOffset(4), null); // open, but not visible anyway
  assertEquals(log.state.firstUnstableOffset(5), 4);
});

Deno.test("a thousand transactions nobody asked about do not make the last stable offset wrong", () => {
  const log = new Log();
  for (let seq = 0; seq < 1000; seq++) {
    log.send({ seq, transactional: true });
    log.append(marker({ commit: true }), "coordinator");
  }
  assertEquals(log.state.firstUnstableOffset(0), null);
  assertEquals(log.state.firstUnstableOffset(1), 0);
  assertEquals(log.state.firstUnstableOffset(1999), 1998); // the last marker is at 1999
  assertEquals(log.state.firstUnstableOffset(2000), null);
});

Deno.test("a replayed marker counts as visible", () => {
  const state = new ProducerState();
  state.apply(data({ transactional: true }), 0);
  assertEquals(state.firstUnstableOffset(1), 0);
  assertEquals(state.apply(marker({ commit: false }), 1)!.isAborted, true);
  assertEquals(state.firstUnstableOffset(1), null);
});

Deno.test("a marker with a bumped epoch begins the next transaction at sequence 0", () => {
  const log = new Log();
  log.send({ seq: 0, count: 3, transactional: true });
  assertEquals(log.append(marker({ epoch: 1, commit: true }), "coordinator"), "ok");
  assertEquals(log.send({ epoch: 0, seq: 3, transactional: true }), "error 47");
  assertEquals(log.send({ epoch: 1, seq: 3, transactional: true }), "error 45");
  assertEquals(log.send({ epoch: 1, seq: 0, transactional: true }), "ok");
});

Deno.test("a marker of an older epoch is 47, of an older coordinator 52", () => {
  const log = new Log();
  log.send({ epoch: 5, transactional: true });
  assertEquals(log.append(marker({ epoch: 4, commit: true }), "coordinator"), "error 47");
  assertEquals(
    log.append(marker({ epoch: 5, commit: true, coordinatorEpoch: 8 }), "coordinator"),
    "ok",
  );
  assertEquals(
    log.append(marker({ epoch: 5, commit: true, coordinatorEpoch: 7 }), "coordinator"),
    "error 52",
  );
});

Deno.test("under transaction version 2 a late marker cannot end the transaction that came after (KIP-890)", () => {
  const log = new Log();
  const claim = { origin: "coordinator", transactionVersion: 2 } as const;
  const verdict = (epoch: number) => log.state.check(marker({ epoch, commit: true }), claim, NOW);
  log.send({ epoch: 3, transactional: true });
  assertEquals(verdict(3), { kind: "error", code: ErrorCode.INVALID_PRODUCER_EPOCH });
  assertEquals(verdict(4), { kind: "append" });
  log.append(marker({ epoch: 4, commit: true }), "coordinator");
  assertEquals(verdict(4), { kind: "append" }); // repeated: nothing is open
  log.send({ epoch: 4, transactional: true });
  assertEquals(verdict(4), { kind: "error", code: ErrorCode.INVALID_PRODUCER_EPOCH });
});

Deno.test("control batches that end no transaction leave no trace", () => {
  const bytes = marker({ commit: true });
  bytes[batch.BATCH_OVERHEAD + 8] = 2; // a LEADER_CHANGE
  assertEquals(readEndTxnMarker(bytes), null);
  const state = new ProducerState();
  assertEquals(state.apply(bytes, 0), null);
  assertEquals(state.size, 0);
  assertEquals(readEndTxnMarker(data({})), null);
  assertEquals(readEndTxnMarker(marker({ commit: false, coordinatorEpoch: 9 })), {
    isCommit: false,
    coordinatorEpoch: 9,
  });
});

Deno.test("a producer expires when unheard of, counted from its last send and not from its records' timestamps", () => {
  const log = new Log({ maxProducers: 100, expirationMs: 1000 });
  log.send({ id: 1, timestampMs: 5 }, "client", NOW); // old records, sent now
  log.send({ id: 2, transactional: true }, "client", NOW);
  assertEquals(log.state.removeExpired(NOW + 999), 0);
  log.send({ id: 1, seq: 0, timestampMs: 5 }, "client", NOW + 500); // a retry counts
  assertEquals(log.state.removeExpired(NOW + 1499), 0);
  assertEquals(log.state.removeExpired(NOW + 1500), 1);
  assertEquals(log.state.entries().map((e) => e.producerId), [2]); // its transaction is open
});

Deno.test("a producer whose transaction ends after a look is forgotten a whole expiry later", () => {
  const log = new Log({ maxProducers: 100, expirationMs: 1000 });
  log.send({ id: 1, transactional: true }, "client", NOW);
  assertEquals(log.state.removeExpired(NOW + 5000), 0); // open: it stays, however long
  assertEquals(log.append(marker({ commit: true }), "coordinator", NOW + 5500), "ok");
  assertEquals(log.state.removeExpired(NOW + 6499), 0);
  assertEquals(log.state.removeExpired(NOW + 6500), 1);
});

Deno.test("looks at what has expired are for who is due, and miss nobody", () => {
  const log = new Log({ maxProducers: 1000, expirationMs: 1000 });
  for (let id = 0; id < 100; id++) log.send({ id }, "client", NOW + id * 50);
  let gone = 0;
  for (let ms = 0; ms <= 7000; ms += 10) {
    gone += log.state.removeExpired(NOW + ms);
    // Of those due by now at most the ones that came up since the last whole look are left.
    const due = Math.min(100, Math.floor((ms - 1000) / 50) + 1);
    assert(gone <= Math.max(0, due), `at ${ms}: ${gone} of ${due}`);
  }
  assertEquals(gone, 100);
});

Deno.test("a transaction is late when its producer was not heard of for so long; only the oldest is looked at", () => {
  const log = new Log();
  assertEquals(log.state.hasLateTransaction(NOW, 1000), false);
  log.send({ id: 1, transactional: true }, "client", NOW);
  log.send({ id: 2, transactional: true }, "client", NOW + 500);
  assertEquals(log.state.hasLateTransaction(NOW + 1000, 1000), false);
  assertEquals(log.state.hasLateTransaction(NOW + 1001, 1000), true);
  log.append(marker({ id: 1, commit: false }), "coordinator", NOW + 1001);
  assertEquals(log.state.hasLateTransaction(NOW + 1001, 1000), false);
  assertEquals(log.state.hasLateTransaction(NOW + 1501, 1000), true);
});

Deno.test("past maxProducers those unheard of for the longest time are forgotten, never one with an open transaction", () => {
  const log = new Log({ maxProducers: 32, expirationMs: 1e9 });
  for (let id = 0; id < 32; id++) log.send({ id, transactional: id === 0 }, "client", NOW + id);
  log.send({ id: 1, seq: 1 }, "client", NOW + 100);
  log.send({ id: 99 }, "client", NOW + 101);
  const ids = log.state.entries().map((e) => e.producerId);
  assertEquals(ids.length, 31);
  assert(ids.includes(0) && ids.includes(1) && ids.includes(99));
  assert(!ids.includes(2) && !ids.includes(3));
});

Deno.test("when every producer has a transaction open, one more is asked to wait", () => {
  const log = new Log({ maxProducers: 4, expirationMs: 1e9 });
  for (let id = 0; id < 4; id++) assertEquals(log.send({ id, transactional: true }), "ok");
  assertEquals(
    log.send({ id: 9, transactional: true }),
    `error ${ErrorCode.THROTTLING_QUOTA_EXCEEDED}`,
  );
  log.append(marker({ id: 2, commit: true }), "coordinator");
  assertEquals(log.send({ id: 9, transactional: true }), "ok");
});

Deno.test("a replay of the batches gives the same state, and a snapshot restores its entries", () => {
  let seed = 42;
  const random = (below: number) => (seed = seed * 1103515245 + 12345 & 0x7fffffff) % below;
  const log = new Log();
  for (let i = 0; i < 3000; i++) {
    const id = random(8);
    if (random(10) === 0) {
      log.append(
        marker({ id, epoch: random(4), commit: random(2) === 0, coordinatorEpoch: random(3) }),
        "coordinator",
      );
    } else {
      const known = log.state.entries().find((e) => e.producerId === id);
      const right = known === undefined ? 0 : known.lastSequence + 1;
      log.send({
        id,
        epoch: random(20) === 0 ? random(5) : known?.epoch ?? 0,
        seq: random(5) === 0 ? random(100) : right,
        count: 1 + random(4),
        transactional: known !== undefined && known.currentTxnFirstOffset >= 0 || random(3) === 0,
        timestampMs: NOW + i,
      });
    }
  }
  assert(log.batches.length > 1000, `only ${log.batches.length} of 3000 batches were taken`);
  const replayed = new ProducerState();
  for (const [bytes, at] of log.batches) replayed.apply(bytes, at);
  assertEquals(replayed.entries(), log.state.entries());
  assertEquals(replayed.firstUndecidedOffset, log.state.firstUndecidedOffset);
  const restored = ProducerState.restore(log.state.entries(), NOW);
  assertEquals(restored.entries(), log.state.entries());
  assertEquals(restored.firstUndecidedOffset, log.state.firstUndecidedOffset);
});

Deno.test("a restored state leaves out what has expired, and knows the last batch as a retry", () => {
  const log = new Log();
  log.send({ id: 1, seq: 0, count: 3, timestampMs: NOW - 86_400_000 });
  log.send({ id: 2, seq: 0, count: 3, timestampMs: NOW });
  const restored = ProducerState.restore(log.state.entries(), NOW);
  assertEquals(restored.size, 1);
  assertEquals(restored.check(data({ id: 2, seq: 0, count: 3 }), { origin: "client" }, NOW), {
    kind: "duplicate",
    baseOffset: 3,
    lastOffset: 5,
    timestampMs: NOW,
  });
});
