/**
 * MixedPlayer: plays scenarios with members of both protocols to a broker, over the wire, and keeps its answers.
 */
import type { Admin } from "../../src/client/admin.ts";
import type { Connection } from "../../src/client/connection.ts";
import { readAssignment } from "../../src/groups/classic/embedded_protocol.ts";
import { encodeVersioned } from "../../src/protocol/log_record.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from "../../src/protocol/messages/consumer_protocol.ts";
import { Heartbeat } from "../../src/protocol/messages/heartbeat.ts";
import { JoinGroup } from "../../src/protocol/messages/join_group.ts";
import { LeaveGroup } from "../../src/protocol/messages/leave_group.ts";
import { ListGroups } from "../../src/protocol/messages/list_groups.ts";
import { SyncGroup } from "../../src/protocol/messages/sync_group.ts";
import type { Decoded } from "../../src/protocol/schema.ts";
import type { Description, Transcript } from "./consumer_scenarios.ts";
import type { ClassicStep, Join, MixedStep, MixedTranscript } from "./mixed_scenarios.ts";
import { Player } from "./player.ts";

type StepOf<Kind> = Extract<ClassicStep, { do: Kind }>;
type Joined = Decoded<typeof JoinGroup["response"]>;

interface ClassicMember {
  readonly connection: Connection;
  id: string;
  generation: number;
  protocol: string;
  instance: string | null;
  pending: Promise<Joined> | null;
}

export class MixedPlayer {
  readonly #consumers: Player;
  readonly #group: string;
  readonly #connect: () => Promise<Connection>;
  readonly #members = new Map<string, ClassicMember>();
  readonly transcript: MixedTranscript;

  constructor(
    { connect, connection, admin, group }: {
      readonly connect: () => Promise<Connection>;
      readonly connection: Connection;
      readonly admin: Admin;
      readonly group: string;
    },
  ) {
    this.#connect = connect;
    this.#group = group;
    this.#consumers = new Player(connection, admin, group);
    this.transcript = this.#consumers.transcript as
      & Transcript
      & MixedTranscript;
  }

  async playAll(steps: readonly MixedStep[]): Promise<MixedTranscript> {
    await this.#consumers.playAll([]);
    for (const step of steps) await this.#play(step);
    for (const { connection } of this.#members.values()) connection.close();
    return this.transcript;
  }

  async #play(step: MixedStep): Promise<unknown> {
    switch (step.do) {
      case "join":
        return await this.#join(step);
      case "joined":
        return await this.#members.get(step.member)!.pending!.then((answer) =>
          this.#joined(answer)
        );
      case "sync":
        return await this.#sync(step);
      case "classicBeat":
        return await this.#beat(step);
      case "leave":
        return await this.#leave(step);
      case "list":
        return await this.#list();
      case "describe":
        await this.#consumers.play(step);
        return this.transcript.push(this.#renamed(this.transcript.pop() as Description));
      default:
        return await this.#consumers.play(step);
    }
  }

  /** With short names for the members that were given an id. */
  #renamed(description: Description): Description {
    const names = new Map(Array.from(this.#members, ([name, { id }]) => [id, name]));
    const members = Object.entries(description.members).map(([id, member]) =>
      [names.get(id) ?? id, member] as const
    );
    return {
      ...description,
      members: Object.fromEntries(members.sort(([a], [b]) => a < b ? -1 : 1)),
    };
  }

  async #join(step: Join): Promise<void> {
    const member = await this.#member(step.member);
    if (step.isNew) member.id = "";
    member.instance = step.instance ?? null;
    const joining = this.#joining(member, step);
    if (step.later) member.pending = joining;
    else this.#joined(await joining);
  }

  /** With the id that a new member is given first. */
  async #joining(member: ClassicMember, step: Join): Promise<Joined> {
    let answer = await this.#request(member, step);
    if (answer.errorCode === MEMBER_ID_REQUIRED) {
      member.id = answer.memberId;
      answer = await this.#request(member, step);
    }
    if (answer.errorCode !== 0) return answer;
    member.id = answer.memberId;
    member.generation = answer.generationId;
    member.protocol = answer.protocolName ?? "";
    return answer;
  }

  async #request(member: ClassicMember, step: Join): Promise<Joined> {
    const protocols = step.protocols ?? ["range"];
    return await member.connection.request(JoinGroup, 9, {
      groupId: this.#group,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: step.rebalanceTimeoutMs ?? 60_000,
      memberId: member.id,
      groupInstanceId: member.instance,
      protocolType: step.protocolType ?? "consumer",
      protocols: protocols.map((name) => ({
        name,
        metadata: this.#subscription(step),
      })),
      reason: null,
    });
  }

  #joined(answer: Joined): void {
    this.transcript.push({
      join: {
        error: answer.errorCode,
        generation: answer.generationId,
        type: answer.protocolType,
        protocol: answer.protocolName,
        isLeader: answer.errorCode === 0 && answer.leader === answer.memberId,
        members: answer.members.length,
        skips: answer.skipAssignment,
      },
    });
  }

  #subscription({ metadata, names = [], owned }: Join): Uint8Array {
    if (metadata) return Uint8Array.from(metadata);
    return encodeVersioned(ConsumerProtocolSubscription, owned ? 1 : 0, {
      topics: names.map((name) => this.#long(name)),
      userData: null,
      ownedPartitions: this.#named(owned ?? {}),
    });
  }

  async #sync(step: StepOf<"sync">): Promise<void> {
    const member = await this.#member(step.member);
    const userData = step.userData === undefined ? null : new TextEncoder().encode(step.userData);
    const answer = await member.connection.request(SyncGroup, 5, {
      groupId: this.#group,
      generationId: step.generation ?? member.generation,
      memberId: member.id,
      groupInstanceId: member.instance,
      protocolType: "consumer",
      protocolName: step.protocol ?? member.protocol,
      assignments: Object.entries(step.assign ?? {}).map((
        [name, partitions],
      ) => ({
        memberId: this.#members.get(name)!.id,
        assignment: encodeVersioned(ConsumerProtocolAssignment, 0, {
          assignedPartitions: this.#named(partitions),
          userData,
        }),
      })),
    });
    const read = readAssignment(answer.assignment);
    this.transcript.push({
      sync: {
        error: answer.errorCode,
        type: answer.protocolType,
        protocol: answer.protocolName,
        assignment: read && Object.fromEntries(
          read.assignedPartitions.map(({ topic, partitions }) => [
            topic.slice(this.#group.length + 1),
            [...partitions].sort((a, b) => a - b),
          ]),
        ),
      },
    });
  }

  async #beat(step: StepOf<"classicBeat">): Promise<void> {
    const member = await this.#member(step.member);
    const { errorCode } = await member.connection.request(Heartbeat, 4, {
      groupId: this.#group,
      generationId: step.generation ?? member.generation,
      memberId: member.id,
      groupInstanceId: step.instance ?? null,
    });
    this.transcript.push({ classicBeat: errorCode });
  }

  /** Anyone may be named, members of the consumer protocol too. */
  async #leave(step: StepOf<"leave">): Promise<void> {
    const member = this.#members.get(step.member);
    const { members } = await this.#consumers.connection.request(
      LeaveGroup,
      5,
      {
        groupId: this.#group,
        memberId: "",
        members: [{
          memberId: member?.id ?? step.member,
          groupInstanceId: step.instance ?? null,
          reason: null,
        }],
      },
    );
    if (member) member.id = "";
    this.transcript.push({ leave: members.map(({ errorCode }) => errorCode) });
  }

  /** The group's type and state. */
  async #list(): Promise<void> {
    const { groups } = await this.#consumers.connection.request(ListGroups, 5, {
      statesFilter: [],
      typesFilter: [],
    });
    const found = groups.find(({ groupId }) => groupId === this.#group);
    const list = found ? `${found.groupType} ${found.protocolType} ${found.groupState}` : "none";
    this.transcript.push({ list });
  }

  async #member(name: string): Promise<ClassicMember> {
    let member = this.#members.get(name);
    if (member === undefined) {
      const connection = await this.#connect();
      member = {
        connection,
        id: "",
        generation: 1,
        protocol: "",
        instance: null,
        pending: null,
      };
      this.#members.set(name, member);
    }
    return member;
  }

  #named(partitions: Readonly<Record<string, readonly number[]>>) {
    return Object.entries(partitions).map(([name, numbers]) => ({
      topic: this.#long(name),
      partitions: [...numbers],
    }));
  }

  #long(topic: string): string {
    return `${this.#group}-${topic}`;
  }
}

const MEMBER_ID_REQUIRED = 79;
