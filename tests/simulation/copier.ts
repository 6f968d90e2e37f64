/**
 * A copier of the simulated world: commits offsets of groups in transactions, as a consume-transform-produce loop does, and
 * ends them as the transaction coordinator does: what is decided stays decided, and its marker is written until it is kept.
 */
import { ZERO_UUID } from "../../src/bytes/uuid.ts";
import { commitInTransaction } from "../../src/groups/requests/transactional_commit.ts";
import { commitOffsets } from "../../src/groups/requests/committing.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { buildEndTxnBatch } from "../../src/protocol/records/control_record.ts";
import type { World } from "./group_world.ts";

/** What becomes of an offset that was sent in a transaction. */
export interface Fate {
  /** null: nobody has decided yet. */
  isCommit: boolean | null;
}

interface SentOffset {
  readonly group: string;
  readonly partition: number;
  readonly offset: bigint;
  isAcknowledged: boolean;
}

const NOBODY = { generation: -1, memberId: "", instanceId: null, retentionTimeMs: -1 };

export class Copier {
  readonly #world: World;
  readonly #producerId: number;
  #producerEpoch = 0;
  #fate: Fate = { isCommit: null };
  #sent: SentOffset[] = [];
  /** Requests without an answer; one that will never come, or was no good, leaves nothing but to abort. */
  #unanswered = 0;
  #mustAbort = false;
  /** Whether the marker is on its way to the disk. */
  #isMarking = false;
  /** Whether the log may have one: a crash leaves that open, and it is written again. */
  #mayBeMarked = false;

  constructor(world: World, index: number) {
    this.#world = world;
    this.#producerId = 100 + index;
  }

  act(): void {
    const { random } = this.#world;
    if (this.#fate.isCommit !== null) return this.#mark();
    const mayEnd = this.#sent.length > 0 && (this.#unanswered === 0 || this.#mustAbort);
    if (mayEnd && random.oneIn(3)) this.#decide(!this.#mustAbort && !random.oneIn(3));
    else if (!this.#mustAbort) void this.#commit();
  }

  lostConnection(): void {
    if (this.#unanswered > 0) this.#mustAbort = true;
    this.#unanswered = 0;
    this.#isMarking = false;
  }

  /** What has to be pending: acknowledged, and without a marker. */
  *pending(): Generator<{ group: string; partition: number }> {
    if (this.#mayBeMarked) return;
    for (const one of this.#sent) if (one.isAcknowledged) yield one;
  }

  async #commit(): Promise<void> {
    const world = this.#world, { random, life, canary } = world;
    const group = `g${random.below(2)}`, partition = random.below(4);
    const offset = world.nextOffset(group, partition), fate = this.#fate;
    const one: SentOffset = { group, partition, offset, isAcknowledged: false };
    this.#sent.push(one);
    world.sentInTransaction(group, partition, { offset, fate });
    this.#unanswered++;
    const offsets = [
      { topic: "t", topicId: ZERO_UUID, partition, offset, leaderEpoch: -1, metadata: "" },
    ];
    const commitment = { ...NOBODY, groupId: group, offsets };
    const { coordinator } = world;
    const producer = { producerId: this.#producerId, producerEpoch: this.#producerEpoch };
    const [errorCode] = canary === "early offsets"
      ? await commitOffsets(coordinator, { ...commitment, knowsGroupIdNotFound: true })
      : await commitInTransaction(coordinator, { ...commitment, knowsGroupErrors: true, producer });
    if (life !== world.life) return;
    this.#unanswered--;
    if (errorCode === ErrorCode.NONE) one.isAcknowledged = true;
    else this.#mustAbort = true;
  }

  #decide(isCommit: boolean): void {
    this.#fate.isCommit = isCommit;
    this.#mark();
  }

  #mark(): void {
    if (this.#isMarking) return;
    const { log, coordinator, leaderEpoch, clock, canary } = this.#world,
      isCommit = this.#fate.isCommit!;
    const producerId = this.#producerId, producerEpoch = this.#producerEpoch;
    const timestampMs = clock.nowMs();
    const marker = { isCommit, producerId, producerEpoch, coordinatorEpoch: 0, timestampMs };
    const { errorCode, durable } = log.append(buildEndTxnBatch(marker), {
      origin: "coordinator",
      leaderEpoch,
    });
    if (errorCode !== ErrorCode.NONE) return; // the next turn tries again
    this.#isMarking = this.#mayBeMarked = true;
    if (canary !== "lost marker") coordinator.marker(0, { producerId, isCommit, durable });
    durable.then(() => this.#ended());
  }

  #ended(): void {
    if (this.#fate.isCommit) {
      for (const { group, partition, offset } of this.#sent) {
        this.#world.acknowledged(group, partition, offset);
      }
    }
    this.#producerEpoch++;
    this.#fate = { isCommit: null };
    this.#sent = [];
    this.#mustAbort = false;
    this.#isMarking = this.#mayBeMarked = false;
  }
}
