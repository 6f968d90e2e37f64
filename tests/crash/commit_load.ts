/** CommitLoad: groups that commit one offset after the other, without members, as an application does that assigns itself. */
import { Cluster } from "../../src/client/cluster.ts";
import { check } from "../../src/client/errors.ts";
import { committedOffsets } from "../../src/client/groups.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { CommitLedger } from "./commit_ledger.ts";
import { judged, type Load, type LoadContext } from "./load.ts";
import { pause } from "./victim.ts";

const GROUPS = 4, PARTITIONS = 3;

export class CommitLoad implements Load {
  readonly ledger = new CommitLedger();
  readonly #context: LoadContext;
  readonly #clusters: readonly Cluster[];
  #isOver = false;
  #running: Promise<void>[] = [];

  /** Commits offsets of a topic that is there. */
  constructor(context: LoadContext, readonly topic: string) {
    this.#context = context;
    this.#clusters = Array.from(
      { length: GROUPS },
      () => new Cluster({ bootstrap: context.bootstrap, callTimeoutMs: 0 }),
    );
  }

  get acknowledged(): number {
    return this.ledger.acknowledged;
  }

  begin(): Promise<void> {
    this.#running = this.#clusters.map((cluster, i) => this.#run(cluster, this.#group(i)));
    return Promise.resolve();
  }

  judge(): Promise<string[]> {
    return judged("commits", async () => {
      const mark = this.ledger.mark();
      const found = new Map<string, number>();
      const cluster = new Cluster({ bootstrap: this.#context.bootstrap });
      for (let i = 0; i < GROUPS; i++) {
        const group = this.#group(i);
        for (const { topic, partition, offset } of await committedOffsets(cluster, group)) {
          found.set(`${group} ${topic}-${partition}`, Number(offset));
        }
      }
      cluster.close();
      return this.ledger.complaints(found, mark);
    });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
    for (const cluster of this.#clusters) cluster.close();
  }

  summary(): string {
    return `commits: ${this.acknowledged} acknowledged`;
  }

  #group(i: number): string {
    return `${this.topic}-group-${i}`;
  }

  async #run(cluster: Cluster, group: string): Promise<void> {
    for (let round = 0; !this.#isOver; round++) {
      const offsets = Array.from({ length: 1 + round % PARTITIONS }, (_, partition) => {
        const place = `${group} ${this.topic}-${partition}`;
        return { partition, place, offset: this.ledger.send(place) };
      });
      try {
        await this.#commit(cluster, group, offsets);
        for (const { place, offset } of offsets) this.ledger.acknowledge(place, offset);
        await pause(2);
      } catch {
        await pause(30); // whether it was stored is not known
      }
    }
  }

  async #commit(
    cluster: Cluster,
    groupId: string,
    offsets: readonly { partition: number; offset: number }[],
  ): Promise<void> {
    const any = await cluster.anyConnection();
    const { coordinators: [found] } = await any.request(
      FindCoordinator,
      any.versionFor(FindCoordinator),
      { keyType: 0, coordinatorKeys: [groupId] },
    );
    check(found.errorCode, `coordinator of ${groupId}`);
    const connection = await cluster.connectionTo(found.nodeId);
    const answer = await connection.request(OffsetCommit, connection.versionFor(OffsetCommit, 9), {
      groupId,
      generationIdOrMemberEpoch: -1,
      memberId: "",
      groupInstanceId: null,
      topics: [{
        name: this.topic,
        partitions: offsets.map(({ partition, offset }) => ({
          partitionIndex: partition,
          committedOffset: BigInt(offset),
          committedMetadata: "",
        })),
      }],
    });
    for (const { errorCode } of answer.topics.flatMap(({ partitions }) => partitions)) {
      check(errorCode, `commit of ${groupId}`);
    }
  }
}
