/**
 * Simulates one partition, a coordinator and a producer whose requests are delayed, doubled and reordered, over the very
 * functions that serve (ProducerState, Verifications), and proves of every history:
 *
 * - nothing hangs: at any time the coordinator knows of what is open in the partition; and when all that was sent has
 *   arrived and every transaction was ended, nothing is;
 * - under transaction version 2 each record lies before the marker of its own transaction and behind the one before it, even
 *   where markers come late and twice.
 *
 * The canaries prove that it would be seen: without verification a transaction hangs, and where markers are checked as in
 * version 0 a late one ends the transaction that came after.
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "../../protocol/errors.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { buildEndTxnBatch } from "../../protocol/records/control_record.ts";
import { type ProducerClaim, ProducerState } from "./producer_state.ts";
import type { Verification } from "./verifications.ts";

const NOW = 1_700_000_000_000;
const { NONE, CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE, INVALID_PRODUCER_EPOCH } = ErrorCode;

interface Rules {
  readonly version: 1 | 2;
  readonly isVerifying: boolean;
  /** As which version markers are checked. */
  readonly markersAs: 0 | 1 | 2;
}

interface Batch {
  /** The number of its transaction. */
  readonly transaction: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** The end of a transaction that the coordinator has decided. */
interface Ending {
  readonly transaction: number;
  readonly epoch: number;
}

interface Line {
  readonly kind: "data" | "marker";
  readonly transaction: number;
}

class World {
  readonly state = new ProducerState();
  readonly log: Line[] = [];
  /** What is on its way; each step takes one, any. */
  readonly #flying: (() => void)[] = [];
  readonly #random: () => number;
  readonly #rules: Rules;
  // The coordinator.
  #epoch = 0;
  #transaction = 1;
  #hasPartition = false;
  #ending: Ending | null = null;
  // The producer.
  #sequence = 0;
  refused = 0;

  constructor(random: () => number, rules: Rules) {
    this.#random = random;
    this.#rules = rules;
  }

  /** Whether a transaction is open in the partition that the coordinator knows nothing of: nobody ends it. */
  get hangs(): boolean {
    return this.state.firstUndecidedOffset !== null && !this.#hasPartition && this.#ending === null;
  }

  get isQuiet(): boolean {
    return this.#flying.length === 0;
  }

  /** One of: the producer sends, the transaction is ended (by its producer, or for it took too long), something arrives. */
  step(isClosing: boolean): void {
    const choice = this.#random();
    if (!isClosing && choice < 0.25) return this.#send();
    if (choice < 0.35 && this.#ending === null && (!isClosing || this.#hasPartition)) {
      return this.#end();
    }
    const at = Math.floor(this.#random() * this.#flying.length);
    this.#flying.splice(at, 1)[0]?.();
  }

  #send(): void {
    if (this.#ending !== null) return;
    // A client of version 1 adds the partition first; one of version 2 has the batch do it.
    if (this.#rules.version === 1) this.#hasPartition = true;
    const sequence = this.#sequence++, epoch = this.#epoch;
    const one: Batch = {
      transaction: this.#transaction,
      epoch,
      sequence,
      bytes: dataOf(epoch, sequence),
    };
    for (let copies = this.#random() < 0.3 ? 2 : 1; copies > 0; copies--) {
      this.#flying.push(() => this.#arrive(one, 3));
    }
  }

  /** A batch comes to the partition, which asks about it when it has to. */
  #arrive(one: Batch, tries: number): void {
    if (!this.#rules.isVerifying) return this.#append(one, undefined);
    const begun = this.state.beginVerification(one.bytes, this.#rules.version === 2, NOW);
    if (typeof begun === "number") return void this.refused++;
    if (begun === null) return this.#append(one, null);
    this.#flying.push(() => this.#admit(one, begun, tries));
  }

  /** The coordinator is asked, and its answer travels. */
  #admit(one: Batch, begun: Verification, tries: number): void {
    const code = this.#judge(one);
    this.#flying.push(() => {
      this.state.verifications!.end(begun, code === NONE || code === CONCURRENT_TRANSACTIONS);
      if (code === NONE) return this.#append(one, begun);
      this.refused++;
      if (code === CONCURRENT_TRANSACTIONS && tries > 0) {
        this.#flying.push(() => this.#arrive(one, tries - 1));
      }
    });
  }

  #judge(one: Batch): number {
    if (one.epoch !== this.#epoch) return INVALID_PRODUCER_EPOCH;
    if (this.#ending !== null) return CONCURRENT_TRANSACTIONS;
    if (this.#rules.version === 1 && !this.#hasPartition) return INVALID_TXN_STATE;
    this.#hasPartition = true;
    return NONE;
  }

  #append(one: Batch, verification: Verification | null | undefined): void {
    const claim: ProducerClaim = { origin: "client", verification };
    if (this.state.check(one.bytes, claim, NOW).kind !== "append") return void this.refused++;
    this.state.apply(one.bytes, this.log.length, NOW);
    this.log.push({ kind: "data", transaction: one.transaction });
  }

  #end(): void {
    const { version } = this.#rules;
    const ending = { transaction: this.#transaction, epoch: this.#epoch + (version === 2 ? 1 : 0) };
    const goOn = () => {
      this.#epoch = ending.epoch;
      this.#transaction++;
      this.#hasPartition = false;
      if (version === 2) this.#sequence = 0;
      this.#ending = null;
    };
    // Without the partition in it nothing is to be marked.
    if (!this.#hasPartition && this.#rules.isVerifying) return goOn();
    this.#ending = ending;
    this.#flying.push(() => this.#mark(ending, goOn));
  }

  /** The marker arrives. Its answer may be lost, so that it is sent again; and under version 2 another may come any time. */
  #mark(ending: Ending, goOn: (() => void) | null): void {
    const bytes = markerOf(ending.epoch);
    const claim = { origin: "coordinator", transactionVersion: this.#rules.markersAs } as const;
    const verdict = this.state.check(bytes, claim, NOW);
    if (verdict.kind === "append") {
      this.state.apply(bytes, this.log.length, NOW, this.#rules.markersAs);
      this.log.push({ kind: "marker", transaction: ending.transaction });
    }
    if (this.#rules.version === 2 && this.#random() < 0.2) {
      this.#flying.push(() => this.#mark(ending, null));
    }
    if (goOn === null) return;
    if (verdict.kind === "append" && this.#random() < 0.7) this.#flying.push(goOn);
    else this.#flying.push(() => this.#mark(ending, goOn));
  }
}

function dataOf(producerEpoch: number, baseSequence: number): Uint8Array {
  const records = [{ timestampMs: NOW, value: new Uint8Array(1) }];
  return buildBatch({ records, producerId: 7, producerEpoch, baseSequence, isTransactional: true });
}

function markerOf(producerEpoch: number): Uint8Array {
  const marker = { producerId: 7, producerEpoch, isCommit: true, coordinatorEpoch: 0 };
  return buildEndTxnBatch({ ...marker, timestampMs: NOW });
}

/** What is wrong with a history, or null. */
function faultOf(seed: number, rules: Rules): { fault: string | null; world: World } {
  const world = new World(seeded(seed), rules);
  for (let i = 0; i < 5000; i++) {
    world.step(i >= 150);
    if (world.hangs) return { fault: `what is open after ${i} steps hangs`, world };
  }
  assert(world.isQuiet, `seed ${seed}: something is on its way for ever`);
  const open = world.state.firstUndecidedOffset;
  if (open !== null) return { fault: `what is open at ${open} hangs`, world };
  if (rules.version === 1) return { fault: null, world };
  let ended = 0;
  for (const [at, { kind, transaction }] of world.log.entries()) {
    if (kind === "marker") ended = Math.max(ended, transaction);
    else if (transaction <= ended) {
      return { fault: `a record at ${at} is behind its marker`, world };
    } else if (world.log.slice(0, at).some((line) => line.transaction > transaction)) {
      return { fault: `a record at ${at} is behind a later transaction`, world };
    }
  }
  for (const [at, { kind, transaction }] of world.log.entries()) {
    if (kind !== "marker") continue;
    const next = world.log.slice(0, at).findLast((line) => line.kind === "data");
    const isFirst = !world.log.slice(0, at).some((line) =>
      line.kind === "marker" && line.transaction === transaction
    );
    if (!isFirst && next !== undefined && next.transaction > transaction) {
      const undecided = world.log.slice(at).some((line) =>
        line.kind === "marker" && line.transaction === next.transaction
      );
      const wasEnded = world.log.slice(0, at).some((line) =>
        line.kind === "marker" && line.transaction === next.transaction
      );
      if (undecided && !wasEnded) {
        return { fault: `the marker at ${at} ended a later transaction`, world };
      }
    }
  }
  return { fault: null, world };
}

function seeded(seed: number): () => number {
  return () => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  };
}

const SEEDS = 400;

for (const version of [1, 2] as const) {
  Deno.test(`under transaction version ${version} nothing hangs, whatever is delayed, doubled or reordered`, () => {
    let appended = 0, refused = 0, markers = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { fault, world } = faultOf(seed, { version, isVerifying: true, markersAs: version });
      assertEquals(fault, null, `seed ${seed}: ${fault}`);
      appended += world.log.filter(({ kind }) => kind === "data").length;
      markers += world.log.filter(({ kind }) => kind === "marker").length;
      refused += world.refused;
    }
    for (const [what, count] of Object.entries({ appended, refused, markers })) {
      assert(count > SEEDS, `the histories are too quiet: ${count} ${what}`);
    }
  });
}

function found(rules: Rules, fault: RegExp): boolean {
  for (let seed = 1; seed <= SEEDS; seed++) {
    if (fault.test(faultOf(seed, rules).fault ?? "")) return true;
  }
  return false;
}

Deno.test("canary: without verification a transaction hangs, and is found", () => {
  for (const version of [1, 2] as const) {
    assert(
      found({ version, isVerifying: false, markersAs: version }, /hangs/),
      `version ${version}`,
    );
  }
});

Deno.test("canary: a late marker that is checked as in version 0 ends a later transaction, and is found", () => {
  assert(found({ version: 2, isVerifying: true, markersAs: 0 }, /ended a later transaction/));
});
