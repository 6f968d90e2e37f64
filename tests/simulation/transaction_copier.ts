/**
 * A copier in a simulated world: reads inputs from where its group stands, writes each to an output in a transaction with
 * the group's new offset, and commits or aborts it; over requests and answers that get lost or late. It behaves as
 * Kafka's TransactionManager does, at transaction.version 2 or 1.
 */
import { ErrorCode } from "../../src/protocol/errors.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import type { Credentials } from "../../src/transactions/transaction_events.ts";
import { type Told, Violation } from "./transaction_ledger.ts";
import { type Level, TOPIC, type World } from "./transaction_world.ts";

const {
  CONCURRENT_TRANSACTIONS,
  COORDINATOR_LOAD_IN_PROGRESS,
  COORDINATOR_NOT_AVAILABLE,
  INVALID_PRODUCER_EPOCH,
  KAFKA_STORAGE_ERROR,
  NONE,
  NOT_COORDINATOR,
  NOT_ENOUGH_REPLICAS,
  PRODUCER_FENCED,
} = ErrorCode;

const AGAIN: ReadonlySet<number> = new Set([
  CONCURRENT_TRANSACTIONS,
  COORDINATOR_LOAD_IN_PROGRESS,
  COORDINATOR_NOT_AVAILABLE,
  KAFKA_STORAGE_ERROR,
  NOT_COORDINATOR,
  NOT_ENOUGH_REPLICAS,
]);
const FENCED: ReadonlySet<number> = new Set([PRODUCER_FENCED, INVALID_PRODUCER_EPOCH]);

/** How often a batch or offsets are tried before the transaction is aborted for it. */
const MOST_TRIES = 30;
const RETRY_MS = 100;
/** How long an answer is waited for. */
const ANSWER_MS = 30_000;

/** Thrown to end a copier. */
class Ended extends Error {}

export class Copier {
  /** It died, or was fenced, or has nothing more to copy. */
  isOver = false;
  /** It does nothing more, in the middle of whatever it did. */
  isDead = false;
  readonly #world: World;
  /** Of an older client it is 1, whatever the level of the world. */
  readonly #newestLevel: Level;
  /** By which it speaks: that of the transaction it is in. */
  #level: Level;
  #as: Credentials = { producerId: -1, producerEpoch: -1 };
  /** By partition: the next sequence under the id and epoch that it is of. */
  readonly #sequences = new Map<number, number>();

  constructor(world: World) {
    this.#world = world;
    this.#newestLevel = world.newestLevelOfNext();
    this.#level = this.#levelNow();
    this.#live().catch((error) => {
      if (!(error instanceof Ended)) world.fail(error);
    }).finally(() => this.isOver = true);
  }

  async #live(): Promise<void> {
    const world = this.#world;
    this.#take(await this.#init(null));
    let next = await this.#position();
    while (next < world.inputs) {
      const level = this.#levelNow();
      if (level === 2 && this.#level === 1) this.#take(await this.#init(this.#as));
      this.#level = level;
      const count = Math.min(1 + world.random.below(3), world.inputs - next);
      const told = world.ledger.begun(Array.from({ length: count }, (_, i) => next + i));
      const isWhole = await this.#fill(told, next + count);
      const commits = isWhole && !world.random.oneIn(4);
      if (await this.#end(told, commits)) next += count;
    }
  }

  #levelNow(): Level {
    return this.#newestLevel === 1 ? 1 : this.#world.level;
  }

  /** Whether everything of the transaction is written. */
  async #fill(told: Told, nextOffset: number): Promise<boolean> {
    const { random } = this.#world, level = this.#level;
    for (const input of told.inputs) {
      const partition = random.below(this.#world.data.length);
      if (level === 1 && !await this.#add({ topic: TOPIC, partition })) return false;
      if (!await this.#produce(partition, `${told.name}/${input}`)) return false;
      if (random.oneIn(12)) return false; // it thinks better of it
    }
    if (level === 1 && !await this.#add(this.#world.offsetsPartition)) return false;
    const as = this.#as;
    return await this.#tries("offsets", (world) => world.commitOffset(as, nextOffset, level));
  }

  #add(partition: { topic: string; partition: number }): Promise<boolean> {
    const as = this.#as;
    return this.#tries("add", (world) => world.addPartition(as, partition));
  }

  async #produce(partition: number, value: string): Promise<boolean> {
    const level = this.#level, baseSequence = this.#sequences.get(partition) ?? 0;
    this.#sequences.set(partition, baseSequence + 1);
    const records = [{ timestampMs: 0, value: new TextEncoder().encode(value) }];
    const bytes = buildBatch({ records, ...this.#as, baseSequence, isTransactional: true });
    return await this.#tries("produce", (world) => world.produce(partition, bytes.slice(), level));
  }

  /** Until it is answered for good: whether it worked. Anything else makes an abort necessary. */
  async #tries(what: string, run: (world: World) => Promise<number>): Promise<boolean> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const code = await this.#call(what, run);
      if (code === NONE) return true;
      if (code !== null && !AGAIN.has(code)) return false;
      await this.#world.time.sleep(RETRY_MS);
    }
    return false;
  }

  /** Whether it was committed. Afterwards the next transaction may begin. */
  async #end(told: Told, isCommit: boolean): Promise<boolean> {
    const as = this.#as, level = this.#level;
    told.asked = isCommit ? "commit" : "abort";
    for (;;) {
      const answer = await this.#call(told.asked, (world) => world.endTxn(as, isCommit, level));
      const code = answer?.errorCode ?? null;
      if (code === NONE) {
        told.answered = told.asked;
        if (answer!.producerId >= 0) this.#take(answer!);
        else if (!isCommit) this.#take(await this.#init(this.#as));
        return isCommit;
      }
      if (code !== null && FENCED.has(code)) throw new Ended();
      // Another one has had it aborted, and has no epoch of its own yet; Kafka's clients end with this too.
      if (code === ErrorCode.INVALID_TXN_STATE && isCommit) throw new Ended();
      // Below version 2 there may be nothing to abort.
      if (code === ErrorCode.INVALID_TXN_STATE && level === 1) {
        this.#take(await this.#init(as));
        return false;
      }
      if (code !== null && !AGAIN.has(code)) {
        throw new Violation(`the ${told.asked} of ${told.name} was answered with ${code}`);
      }
      await this.#world.time.sleep(RETRY_MS);
    }
  }

  async #init(expected: Credentials | null): Promise<Credentials> {
    for (;;) {
      const answer = await this.#call("init", (world) => world.init(expected));
      if (answer?.errorCode === NONE) return answer;
      if (answer !== null && FENCED.has(answer.errorCode)) throw new Ended();
      if (answer !== null && !AGAIN.has(answer.errorCode)) {
        throw new Violation(`init was answered with ${answer.errorCode}`);
      }
      await this.#world.time.sleep(RETRY_MS);
    }
  }

  /** Where the group stands, once no transaction may change that any more. */
  async #position(): Promise<number> {
    for (;;) {
      const offset = await this.#call("position", (world) => world.fetchOffset());
      if (offset !== null) return offset;
      await this.#world.time.sleep(RETRY_MS);
    }
  }

  #take({ producerId, producerEpoch }: Credentials): void {
    const isSame = producerId === this.#as.producerId && producerEpoch === this.#as.producerEpoch;
    this.#as = { producerId, producerEpoch };
    if (!isSame) this.#sequences.clear();
  }

  /** A request over a network that is slow, loses and, at version 2, doubles; null: no answer came. */
  async #call<T extends number | null | { errorCode: number }>(
    what: string,
    run: (world: World) => Promise<T>,
  ): Promise<T | null> {
    const world = this.#world, { random } = world;
    const isBad = () => !world.isCalm && random.oneIn(15);
    if (isBad()) await this.#pause(random.below(2000));
    if (isBad() && random.oneIn(5)) await this.#pause(random.below(120_000)); // it hangs, and wakes up
    if (isBad()) return await this.#noAnswer();
    if (this.#level === 2 && isBad()) {
      // Sent twice, and the second comes late: whatever became of the first, it must change nothing.
      world.time.later(random.below(20_000), async () => {
        world.met(`late ${what} ${codeOf(await run(world))}`);
      });
    }
    const answer = await Promise.race([
      world.inThisLife(run(world)),
      world.time.sleep(ANSWER_MS).then(() => null),
    ]);
    if (answer !== null) world.met(`${what} ${codeOf(answer)}`);
    if (isBad()) return await this.#noAnswer();
    if (this.isDead) throw new Ended();
    return answer;
  }

  async #noAnswer(): Promise<null> {
    await this.#pause(1000);
    return null;
  }

  async #pause(ms: number): Promise<void> {
    await this.#world.time.sleep(ms);
    if (this.isDead) throw new Ended();
  }
}

function codeOf(answer: number | null | { readonly errorCode: number }): number | null {
  return typeof answer === "object" ? answer?.errorCode ?? null : answer;
}
