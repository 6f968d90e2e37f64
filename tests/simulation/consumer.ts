/**
 * A consumer of the simulated world: speaks the classic protocol as clients do, well or badly.
 */
import { ZERO_UUID } from "../../src/bytes/uuid.ts";
import { commitOffsets } from "../../src/groups/requests/committing.ts";
import {
  heartbeat,
  joinGroup,
  leaveGroup,
  syncGroup,
} from "../../src/groups/requests/membership.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { REBALANCE_TIMEOUT_MS, type World } from "./group_world.ts";

type Phase = "out" | "joining" | "syncing" | "in";

export class Consumer {
  readonly #world: World;
  readonly #name: string;
  readonly #group: string;
  readonly #instanceId: string | null;
  readonly #sessionTimeoutMs: number;
  readonly #apiVersion: number;
  #phase: Phase = "out";
  #memberId = "";
  #generation = -1;
  #isLeader = false;
  #topicVersion = 0;
  #owned: number[] = [];
  /** Grows with every request that is given up: its answer is not looked at. */
  #attempt = 0;

  constructor(world: World, index: number, group: string) {
    const { random } = world;
    this.#world = world;
    this.#name = `c${index}`;
    this.#group = group;
    // Some share an instance id, so that one fences the other.
    this.#instanceId = random.oneIn(3) ? `i${index % 3}` : null;
    this.#sessionTimeoutMs = 3000 + random.below(10_000);
    this.#apiVersion = random.pick([3, 5, 9]);
  }

  /** Does something, or nothing. */
  act(): void {
    const { random } = this.#world;
    if (this.#phase === "out") return void this.#join();
    if (random.oneIn(60)) return this.#die();
    if (this.#phase !== "in") {
      if (random.oneIn(15)) this.#giveUp();
      return;
    }
    if (random.oneIn(25)) return void this.#leave();
    if (random.oneIn(25)) return void this.#join();
    if (random.oneIn(3)) return void this.#commit();
    this.#beat();
  }

  /** A leader that sees partitions come joins again. */
  sawTopicChange(): void {
    this.#topicVersion++;
    if (this.#phase === "in" && this.#isLeader) this.#join();
  }

  lostConnection(): void {
    this.#attempt++;
    if (this.#phase !== "in") this.#phase = "out";
  }

  #die(): void {
    this.#attempt++;
    this.#phase = "out";
    this.#memberId = "";
    this.#owned = [];
  }

  #giveUp(): void {
    this.#attempt++;
    this.#phase = "out";
  }

  async #join(): Promise<void> {
    this.#phase = "joining";
    this.#owned = [];
    const metadata = new Uint8Array([this.#topicVersion & 255]);
    const answer = await this.#ask(() =>
      joinGroup(this.#world.coordinator, {
        groupId: this.#group,
        sessionTimeoutMs: this.#sessionTimeoutMs,
        rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
        memberId: this.#memberId,
        groupInstanceId: this.#instanceId,
        protocolType: "consumer",
        protocols: [{ name: "range", metadata }],
        reason: null,
      }, this.#caller())
    );
    if (answer === null) return;
    const errorCode = answer.errorCode ?? 0;
    if (errorCode === ErrorCode.MEMBER_ID_REQUIRED) this.#memberId = answer.memberId!;
    if (errorCode !== ErrorCode.NONE) return this.#refused(errorCode);
    this.#memberId = answer.memberId!;
    this.#generation = answer.generationId!;
    this.#isLeader = answer.leader === answer.memberId;
    this.#sync(this.#isLeader && !answer.skipAssignment ? answer.members ?? [] : []);
  }

  async #sync(members: readonly { memberId?: string }[]): Promise<void> {
    this.#phase = "syncing";
    const parts = members.map(() => [] as number[]);
    for (let i = 0; i < this.#world.partitions && members.length > 0; i++) {
      parts[this.#world.random.below(members.length)].push(i);
    }
    const generation = this.#generation;
    const answer = await this.#ask(() =>
      syncGroup(this.#world.coordinator, {
        groupId: this.#group,
        generationId: generation,
        memberId: this.#memberId,
        groupInstanceId: this.#instanceId,
        protocolType: "consumer",
        protocolName: "range",
        assignments: members.map(({ memberId }, i) => ({
          memberId: memberId!,
          assignment: Uint8Array.from(parts[i]),
        })),
      }, this.#caller())
    );
    if (answer === null) return;
    if (answer.errorCode) return this.#refused(answer.errorCode);
    this.#phase = "in";
    this.#owned = [...answer.assignment ?? []];
    this.#world.granted(this.#group, generation, this.#instanceId ?? this.#memberId, this.#owned);
  }

  #beat(): void {
    const { errorCode } = heartbeat(this.#world.coordinator, {
      groupId: this.#group,
      generationId: this.#generation,
      memberId: this.#memberId,
      groupInstanceId: this.#instanceId,
    });
    if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) this.#join();
    else if (errorCode) this.#refused(errorCode);
  }

  async #commit(): Promise<void> {
    if (this.#owned.length === 0) return;
    const world = this.#world, group = this.#group;
    const partition = world.random.pick(this.#owned);
    const offset = world.nextOffset(group, partition);
    const life = world.life;
    const [errorCode] = await commitOffsets(world.coordinator, {
      groupId: group,
      generation: this.#generation,
      memberId: this.#memberId,
      instanceId: this.#instanceId,
      retentionTimeMs: -1,
      knowsGroupIdNotFound: true,
      offsets: [{
        topic: "t",
        topicId: ZERO_UUID,
        partition,
        offset,
        leaderEpoch: -1,
        metadata: "",
      }],
    });
    if (errorCode === ErrorCode.NONE && life === world.life) {
      world.acknowledged(group, partition, offset);
    }
  }

  async #leave(): Promise<void> {
    const member = { memberId: this.#memberId, groupInstanceId: this.#instanceId, reason: null };
    this.#die();
    const request = { groupId: this.#group, memberId: member.memberId, members: [member] };
    await leaveGroup(this.#world.coordinator, request, this.#caller());
  }

  #refused(errorCode: number): void {
    this.#phase = "out";
    this.#owned = [];
    const forgets: number[] = [ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_INSTANCE_ID];
    if (forgets.includes(errorCode)) this.#memberId = "";
  }

  /** Asks, unless the request is lost; null when the answer is, or when nobody waits for it any more. */
  async #ask<T>(request: () => Promise<T>): Promise<T | null> {
    const world = this.#world, { random } = world;
    const attempt = ++this.#attempt, life = world.life;
    if (random.oneIn(40)) return null;
    const token = {};
    world.waiting.set(token, world.clock.monotonicMs());
    const answer = await request();
    if (life !== world.life) return null;
    world.waiting.delete(token);
    return attempt !== this.#attempt || random.oneIn(40) ? null : answer;
  }

  #caller() {
    return { clientId: this.#name, clientHost: "/127.0.0.1", apiVersion: this.#apiVersion };
  }
}
