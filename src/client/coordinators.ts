/**
 * Coordinators: the broker that keeps a group or a transactional id.
 */
import { FindCoordinator } from "../protocol/messages/find_coordinator.ts";
import type { Cluster } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { check } from "./errors.ts";

/** Kafka's key types (FindCoordinatorRequest.CoordinatorType), and what people call the keys. */
const KINDS = {
  group: { keyType: 0, noun: "group" },
  transaction: { keyType: 1, noun: "transactional id" },
} as const;

export type CoordinatorKind = keyof typeof KINDS;

/** The coordinator, and a connection to it in that lane. Asks once; throws KafkaError and ConnectionError. */
export async function findCoordinator(
  cluster: Cluster,
  kind: CoordinatorKind,
  key: string,
  lane?: string,
): Promise<{ connection: Connection; nodeId: number }> {
  const { keyType, noun } = KINDS[kind];
  const any = await cluster.anyConnection();
  const version = any.versionFor(FindCoordinator);
  const answer = await any.request(
    FindCoordinator,
    version,
    version >= 4 ? { keyType, coordinatorKeys: [key] } : { keyType, key },
  );
  const found = version >= 4 ? answer.coordinators[0] : answer;
  check(found.errorCode, `coordinator of ${noun} ${key}`, found.errorMessage || null);
  return { connection: await cluster.connectionTo(found.nodeId, lane), nodeId: found.nodeId };
}

/** The coordinators of many groups, each with its own. Asks as seldom as the broker can; throws as findCoordinator(). */
export async function coordinatorsOf(
  cluster: Cluster,
  groupIds: readonly string[],
): Promise<{ readonly connection: Connection; readonly groupIds: string[] }[]> {
  const byNode = new Map<number, string[]>();
  const any = await cluster.anyConnection(), version = any.versionFor(FindCoordinator);
  const size = version >= 4 ? KEYS_AT_ONCE : 1, { keyType, noun } = KINDS.group;
  for (let at = 0; at < groupIds.length; at += size) {
    const keys = groupIds.slice(at, at + size);
    const answer = await any.request(
      FindCoordinator,
      version,
      version >= 4 ? { keyType, coordinatorKeys: keys } : { keyType, key: keys[0] },
    );
    for (const found of version >= 4 ? answer.coordinators : [{ ...answer, key: keys[0] }]) {
      check(found.errorCode, `coordinator of ${noun} ${found.key}`, found.errorMessage || null);
      const others = byNode.get(found.nodeId);
      if (others === undefined) byNode.set(found.nodeId, [found.key]);
      else others.push(found.key);
    }
  }
  return await Promise.all(
    [...byNode].map(async ([nodeId, groupIds]) => ({
      connection: await cluster.connectionTo(nodeId),
      groupIds,
    })),
  );
}

const KEYS_AT_ONCE = 1000;

/** A coordinator that is asked again and again: it is looked for once, and anew after forget(). */
export class Coordinator {
  readonly #cluster: Cluster;
  readonly #kind: CoordinatorKind;
  readonly #key: string;
  readonly #lane: string | undefined;
  #nodeId: number | null = null;

  /** Who makes it wait asks in a lane of its own, see Cluster.connectionTo(). */
  constructor(cluster: Cluster, kind: CoordinatorKind, key: string, lane?: string) {
    this.#cluster = cluster;
    this.#kind = kind;
    this.#key = key;
    this.#lane = lane;
  }

  async connection(): Promise<Connection> {
    const known = this.#nodeId;
    if (known !== null) return await this.#cluster.connectionTo(known, this.#lane);
    const found = await findCoordinator(this.#cluster, this.#kind, this.#key, this.#lane);
    this.#nodeId = found.nodeId;
    return found.connection;
  }

  /** It has moved, or does not answer. */
  forget(): void {
    this.#nodeId = null;
  }
}
