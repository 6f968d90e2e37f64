/**
 * Groups at scale: many groups whose members beat beside produce, and one large group that settles.
 *
 * Members that beat share a connection by group, so that the machine's time goes to the broker and not to this side's
 * sockets; each asks for itself. A beat that is answered with an error counts as a lost session: the group had no
 * reason to change.
 */
import { Connection } from "../src/client/connection.ts";
import { parseAddress } from "../src/client/cluster.ts";
import { ErrorCode } from "../src/protocol/errors.ts";
import { FindCoordinator } from "../src/protocol/messages/find_coordinator.ts";
import { Heartbeat } from "../src/protocol/messages/heartbeat.ts";
import { JoinGroup } from "../src/protocol/messages/join_group.ts";
import { SyncGroup } from "../src/protocol/messages/sync_group.ts";
import { Histogram } from "./histogram.ts";
import { LoadConnection, Phases } from "./load.ts";
import type { ScaleLine } from "./scale.ts";
import { batchOf, checkProduced, produceRequest, withTopic } from "./topics.ts";
import type { Size, Target } from "./types.ts";

export async function groups(
  start: () => Promise<Target>,
  size: Size,
): Promise<ScaleLine[]> {
  const target = await start();
  try {
    return size === "smoke"
      ? [
        await beating(target, {
          groups: 3,
          members: 2,
          beatMs: 50,
          produceMbPerS: 1,
          measureMs: 300,
        }),
        ...await settling(target, 4, 50),
      ]
      : [
        ...await settling(target, 500, 3000),
        await beating(target, {
          groups: 1000,
          members: 10,
          beatMs: 3000,
          produceMbPerS: 20,
          measureMs: 30_000,
        }),
      ];
  } finally {
    await target.stop();
  }
}

interface BeatLoad {
  readonly groups: number;
  readonly members: number;
  readonly beatMs: number;
  readonly produceMbPerS: number;
  readonly measureMs: number;
}

async function beating(target: Target, load: BeatLoad): Promise<ScaleLine> {
  const { groups, members, beatMs, measureMs } = load;
  const connections = await Promise.all(Array.from({ length: groups }, () => open(target)));
  await ready(connections[0]);
  const all = (await Promise.all(connections.map(async (connection, i) => {
    const group = Array.from({ length: members }, () => new Member(connection, `beating-${i}`));
    await settle(group, beatMs);
    return group;
  }))).flat();
  const phases = new Phases(0, measureMs);
  const latency = new Histogram();
  const lost = new Set<Member>();
  let written = 0;
  await withTopic(target, PRODUCERS, async (topic) => {
    const beats = all.map(async (member, i) => {
      await pause(i / all.length * beatMs); // spread over the interval, as members that started at any time
      while (!phases.isOver) {
        const sentMs = performance.now();
        if (await member.beat() !== 0) lost.add(member);
        latency.add(performance.now() - sentMs);
        await pause(beatMs - (performance.now() - sentMs));
      }
    });
    const producers = Array.from({ length: PRODUCERS }, async (_, partition) => {
      const loader = await LoadConnection.open(target.address);
      const request = produceRequest(topic, partition, batchOf(64, 1024));
      const intervalMs = PRODUCERS * 65_536 / (load.produceMbPerS * 1000);
      for (let dueMs = performance.now(); !phases.isOver; dueMs += intervalMs) {
        await pause(dueMs - performance.now());
        checkProduced(await loader.exchange(request));
        written += 65_536;
      }
      loader.close();
    });
    await Promise.all([...beats, ...producers]);
  });
  for (const connection of connections) connection.close();
  return {
    what: `${groups} groups of ${members}, a beat every ${beatMs} ms each`,
    figures: {
      "beats/s": (latency.count / phases.seconds).toFixed(0),
      "p50 ms": latency.percentile(50).toFixed(2),
      "p99 ms": latency.percentile(99).toFixed(2),
      "sessions lost": String(lost.size),
      "MB/s beside": (written / phases.seconds / 1e6).toFixed(1),
    },
  };
}

const PRODUCERS = 4;

/** A group that starts with all its members, and one more that comes: until everyone has an assignment. */
async function settling(target: Target, count: number, beatMs: number): Promise<ScaleLine[]> {
  // One each: answers come in order, so a join that waits would hold up the beats behind it.
  const connections = await Promise.all(Array.from({ length: count + 1 }, () => open(target)));
  await ready(connections[0]);
  const all = connections.map((connection) => new Member(connection, "settling"));
  const members = all.slice(1);
  const started = await settle(members, beatMs);
  const joined = await settle(all, beatMs);
  for (const connection of connections) connection.close();
  const figures = (ms: number) => ({ seconds: (ms / 1000).toFixed(2) });
  return [
    { what: `a group of ${count} starts`, figures: figures(started) },
    {
      what: `one more joins it, the others beat every ${beatMs} ms`,
      figures: figures(joined),
    },
  ];
}

/** Until everyone has an assignment of one generation; how many ms that took. */
async function settle(members: readonly Member[], beatMs: number): Promise<number> {
  const beganMs = performance.now();
  const isSettled = () =>
    members.every(({ isSynced, generation }) => isSynced && generation === members[0].generation);
  await Promise.all(members.map(async (member) => {
    if (!member.isSynced) await member.rejoin(members);
    else await pause(Math.random() * beatMs);
    for (; !isSettled(); await pause(beatMs)) {
      if (await member.beat() !== 0) await member.rejoin(members);
    }
  }));
  return Math.max(...members.map(({ syncedAtMs }) => syncedAtMs)) - beganMs;
}

class Member {
  id = "";
  generation = -1;
  isSynced = false;
  syncedAtMs = 0;
  #isLeader = false;

  constructor(readonly connection: Connection, readonly groupId: string) {}

  /** Joins and syncs, as often as it takes. */
  async rejoin(members: readonly Member[]): Promise<void> {
    this.isSynced = false;
    do await this.#join(); while (!await this.#sync(members));
    this.isSynced = true;
    this.syncedAtMs = performance.now();
  }

  async #join(): Promise<void> {
    const answer = await this.connection.request(JoinGroup, JOIN_VERSION, {
      groupId: this.groupId,
      sessionTimeoutMs: 45_000,
      rebalanceTimeoutMs: 60_000,
      memberId: this.id,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: new Uint8Array(64) }],
    }, { timeoutMs: 60_000 });
    if (answer.errorCode !== 0) {
      throw new Error(`Joining ${this.groupId} was answered with ${answer.errorCode}`);
    }
    this.id = answer.memberId;
    this.generation = answer.generationId;
    this.#isLeader = answer.leader === answer.memberId;
  }

  /** The leader brings an assignment for everyone. False when the next rebalance came first. */
  async #sync(members: readonly Member[]): Promise<boolean> {
    const { errorCode } = await this.connection.request(SyncGroup, 3, {
      groupId: this.groupId,
      generationId: this.generation,
      memberId: this.id,
      assignments: this.#isLeader
        ? members.map(({ id }) => ({ memberId: id, assignment: new Uint8Array(64) }))
        : [],
    }, { timeoutMs: 60_000 });
    if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) return false;
    if (errorCode !== 0) throw new Error(`Syncing ${this.groupId} was answered with ${errorCode}`);
    return true;
  }

  async beat(): Promise<number> {
    const { errorCode } = await this.connection.request(Heartbeat, 3, {
      groupId: this.groupId,
      generationId: this.generation,
      memberId: this.id,
    });
    return errorCode;
  }
}

/** The last that takes a member without an id at once. */
const JOIN_VERSION = 3;

function open(target: Target): Promise<Connection> {
  const { host, port } = parseAddress(target.address);
  return Connection.open({ host, port });
}

/** Waits until the broker keeps groups: the first to ask makes it make their topic. */
async function ready(connection: Connection): Promise<void> {
  for (;;) {
    const { coordinators: [{ errorCode }] } = await connection.request(FindCoordinator, 4, {
      keyType: 0,
      coordinatorKeys: ["any"],
    });
    if (errorCode === 0) return;
    await pause(50);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
