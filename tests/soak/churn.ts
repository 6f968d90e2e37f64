/**
 * Churn: workers that live short lives, one after the other: connect, make a topic, send, join a group of the classic or the
 * new protocol, read, commit, and leave properly or vanish. Their topic goes with them, their groups somewhat later: a
 * broker keeps empty groups for days.
 */
import { Admin } from "../../src/client/admin.ts";
import { Connection } from "../../src/client/connection.ts";
import { Consumer } from "../../src/client/consumer.ts";
import { Producer } from "../../src/client/producer.ts";
import { ConsumerGroupHeartbeat } from "../../src/protocol/messages/consumer_group_heartbeat.ts";
import { DeleteGroups } from "../../src/protocol/messages/delete_groups.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { JoinGroup } from "../../src/protocol/messages/join_group.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { pause } from "../crash/victim.ts";

export class Churn {
  readonly #bootstrap: string;
  readonly #workers: number;
  readonly errors: string[] = [];
  rounds = 0;
  #records = 0;
  #serial = 0;

  constructor(bootstrap: string, workers: number) {
    this.#bootstrap = bootstrap;
    this.#workers = workers;
  }

  told(): string {
    return `${this.#serial} topics and groups, ${this.#records} records, ${this.errors.length} errors`;
  }

  /** Lives of all workers for so long; `look` is called every few seconds meanwhile. */
  async run(forMs: number, look: () => void | Promise<void>): Promise<void> {
    const endMs = performance.now() + forMs;
    const isOver = () => performance.now() >= endMs;
    const workers = Array.from({ length: this.#workers }, async () => {
      while (!isOver()) {
        try {
          await this.#live();
          this.rounds++;
        } catch (error) {
          if (this.errors.length < 20) this.errors.push(String((error as Error).stack ?? error));
        }
        await pause(50);
      }
    });
    while (!isOver()) {
      await look();
      await pause(5000);
    }
    await Promise.all(workers);
  }

  async #live(): Promise<void> {
    const n = this.#serial++, topic = `soak-${n}`, group = `soak-group-${n}`;
    const bootstrap = this.#bootstrap;
    const admin = new Admin({ bootstrap });
    try {
      await admin.createTopics([{
        name: topic,
        partitions: 1 + n % 4,
        configs: { "file.delete.delay.ms": "1000", "segment.bytes": "1048576" },
      }]);
      await using producer = new Producer({ bootstrap }, {
        compression: n % 2 === 0 ? "lz4" : "none",
      });
      const sends = Array.from(
        { length: 200 },
        (_, i) => producer.send({ topic, partition: i % (1 + n % 4), value: `${i}`.padStart(500) }),
      );
      await Promise.all(sends);
      this.#records += sends.length;
      using consumer = new Consumer({ bootstrap }, { autoOffsetReset: "earliest" });
      consumer.assign([{ topic, partition: 0 }]);
      await consumer.poll(1000);
      await this.#group(n, topic, group);
    } finally {
      await admin.deleteTopics([topic]).catch(() => {});
      admin.close();
    }
  }

  /** A member of one of the protocols, that commits; some say goodbye, some vanish, some have their group deleted. */
  async #group(n: number, topic: string, groupId: string): Promise<void> {
    const [host, port] = this.#bootstrap.split(":");
    const connection = await Connection.open({ host, port: Number(port) });
    try {
      await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: [groupId] });
      await eventually(async () => {
        const answer = await connection.request(OffsetCommit, 8, {
          groupId,
          generationIdOrMemberEpoch: -1,
          memberId: "",
          topics: [{
            name: topic,
            partitions: [{ partitionIndex: 0, committedOffset: 50n, committedMetadata: "" }],
          }],
        });
        return answer.topics[0].partitions[0].errorCode;
      });
      if (n % 3 === 0) {
        await eventually(() => this.#consumerMember(connection, `${groupId}-new`, topic));
      }
      if (n % 3 === 1) {
        await eventually(() => this.#classicMember(connection, `${groupId}-classic`));
      }
      const older = `soak-group-${n - DELETED_AFTER}`;
      const groupsNames = [older, `${older}-new`, `${older}-classic`];
      if (n >= DELETED_AFTER) await connection.request(DeleteGroups, 2, { groupsNames });
    } finally {
      connection.close();
    }
  }

  async #consumerMember(connection: Connection, groupId: string, topic: string): Promise<number> {
    const memberId = crypto.randomUUID();
    const joined = await connection.request(ConsumerGroupHeartbeat, 1, {
      groupId,
      memberId,
      memberEpoch: 0,
      rebalanceTimeoutMs: 10_000,
      subscribedTopicNames: [topic],
      topicPartitions: [],
    });
    if (joined.errorCode !== 0) return joined.errorCode;
    const left = await connection.request(ConsumerGroupHeartbeat, 1, {
      groupId,
      memberId,
      memberEpoch: -1,
    });
    return left.errorCode;
  }

  /** Vanishes: its session ends after six seconds. */
  async #classicMember(connection: Connection, groupId: string): Promise<number> {
    const request = {
      groupId,
      sessionTimeoutMs: 6000,
      rebalanceTimeoutMs: 6000,
      memberId: "",
      protocolType: "soak",
      protocols: [{ name: "p", metadata: new Uint8Array(4) }],
    };
    const first = await connection.request(JoinGroup, 5, request);
    if (first.errorCode !== MEMBER_ID_REQUIRED) return first.errorCode;
    return (await connection.request(JoinGroup, 5, { ...request, memberId: first.memberId }))
      .errorCode;
  }
}

/** Tries until it is answered 0: a topic of offsets that is being made is not there at once. */
async function eventually(ask: () => Promise<number>): Promise<void> {
  let code = 0;
  for (let i = 0; i < 600; i++) {
    code = await ask();
    if (code === 0) return;
    await pause(100);
  }
  throw new Error(`answered ${code} for a minute`);
}

const MEMBER_ID_REQUIRED = 79;
/** Lives: by then the members that vanished have been missed. */
const DELETED_AFTER = 400;
