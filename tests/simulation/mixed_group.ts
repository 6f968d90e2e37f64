/**
 * LoggedGroup: one group of the broker with the log that it keeps, at a clock of the simulation's own. After every event the
 * promises are checked: one owner a partition, epochs that do not fall, no deadline in the past; and a replay of the log,
 * compacted or not, gives the live group.
 */
import { assert, assertEquals } from "@std/assert";
import type { Uuid } from "../../src/bytes/uuid.ts";
import type { Reply } from "../../src/groups/decision.ts";
import {
  type Group,
  isLogFact,
  isVoid,
  newGroup,
  replayLogFact,
  stateOf,
} from "../../src/groups/group.ts";
import { decodeFact, encodeFact } from "../../src/groups/group_records.ts";
import {
  applyFact,
  deadlineOf,
  decideEvent,
  dueIn,
  type GroupEvent,
  type GroupFact,
} from "../../src/groups/machines.ts";
import { groupGone } from "../../src/groups/offsets/offset_machine.ts";
import type { NewRecord } from "../../src/protocol/records/build.ts";
import { durable, TABLE_SETTINGS, TableTopics } from "../../src/testing/consumer_groups.ts";

/** A bug that the simulation has to find. */
export type Canary = "none" | "forgets who owns" | "unlogged upgrade" | "unlogged downgrade";

/** The topic that is read. */
export const TOPIC = "t";
export const SESSION_MS = 6000;

export class LoggedGroup {
  /** How often it has changed its protocol. */
  readonly changes = { up: 0, down: 0 };
  readonly #topics = new TableTopics();
  readonly #canary: Canary;
  readonly #log: NewRecord[] = [];
  readonly #answers = new Map<number, Reply>();
  #group: Group = newGroup("g", 0);
  #nowMs = 0;
  #lastGeneration = 0;

  constructor(canary: Canary, partitions: number) {
    this.#canary = canary;
    this.partitions = partitions;
  }

  /** Of the topic. */
  get partitions(): number {
    return this.#topics.byName(TOPIC)!.partitionCount;
  }

  set partitions(count: number) {
    this.#topics.set(TOPIC, count);
  }

  get topicId(): Uuid {
    return this.#topics.idOf(TOPIC);
  }

  get members(): Group["members"] {
    return this.#group.members;
  }

  get state(): string {
    return stateOf(this.#group);
  }

  /** The answer to a request, which is heard once; undefined: there is none yet. */
  answerTo(ticket: number): Reply | undefined {
    const reply = this.#answers.get(ticket);
    this.#answers.delete(ticket);
    return reply;
  }

  /** What comes of an event, and of what it makes due. */
  send(event: GroupEvent): void {
    for (let next: GroupEvent | null = event; next; next = dueIn(this.#group, this.#nowMs)) {
      const { facts, replies } = decideEvent(this.#group, next, {
        classicSettings: { initialRebalanceDelayMs: 0, maxSize: 8 },
        consumerCircumstances: {
          now: { ms: this.#nowMs, wallMs: 1_700_000_000_000 + this.#nowMs },
          settings: { ...TABLE_SETTINGS, sessionTimeoutMs: SESSION_MS, maxSize: 8 },
          topics: this.#topics,
        },
      });
      const { type } = this.#group.members;
      for (const fact of facts) this.#take(fact);
      const after = this.#group.members;
      if (after.members.size > 0 && after.type !== type) {
        this.changes[after.type === "consumer" ? "up" : "down"]++;
      }
      for (const reply of replies) this.#answers.set(reply.ticket, reply);
      this.#check();
    }
    const deadline = deadlineOf(this.#group);
    assert(deadline === null || deadline > this.#nowMs, "a deadline is in the past");
  }

  /** Time goes by, and what is due is done. */
  pass(ms: number): void {
    const until = this.#nowMs + ms;
    for (;;) {
      const deadline = deadlineOf(this.#group);
      if (deadline === null || deadline > until) break;
      this.#nowMs = deadline;
      const event = dueIn(this.#group, deadline);
      if (event === null) throw new Error("nothing is due at a deadline");
      this.send(event);
    }
    this.#nowMs = until;
  }

  /** The broker starts anew: all that is known is what the log says, and nobody who waits hears any more. */
  restart(): void {
    this.#group = this.#replayed();
    this.#answers.clear();
  }

  /** A consumer group without members makes way for who comes by the classic protocol, as joinGroup() has it. */
  makeWay(): void {
    const { members } = this.#group;
    if (members.type !== "consumer" || members.members.size > 0) return;
    for (const fact of groupGone(this.#group) as GroupFact[]) this.#take(fact);
  }

  /** Of a classic group a rebalance under way is not in the log, so only its type and what it last agreed on are compared. */
  checkReplay(): void {
    for (const log of [this.#log, compacted(this.#log)]) {
      const { members } = this.#replayed(log), live = this.#group.members;
      if (isVoid(this.#group)) continue;
      assertEquals(members.type, live.type, "a replay of the log differs");
      if (members.type === "consumer" && live.type === "consumer") {
        assertEquals(durable(members), durable(live), "a replay of the log differs");
      } else if (members.type === "classic" && live.type === "classic" && live.state === "Stable") {
        assertEquals([...members.members.keys()].sort(), [...live.members.keys()].sort());
        assertEquals(members.generation, live.generation, "a replay of the log differs");
      }
    }
  }

  /** What a member reads from, when it is told that all is well, is what the coordinator holds for it. */
  mustHold(id: string, owned: ReadonlySet<number>): void {
    const { members } = this.#group;
    if (members.type === "classic") return;
    const { assigned, revoking } = members.members.get(id)!, topicId = this.topicId;
    for (const partition of owned) {
      const holds = assigned.get(topicId)?.has(partition) || revoking.get(topicId)?.has(partition);
      assert(holds, `${id} reads from ${partition}, which is not held for it`);
    }
  }

  #take(fact: GroupFact): void {
    const { type } = this.#group.members;
    const isHidden =
      this.#canary === "unlogged upgrade" && fact.kind === "member" && type === "classic" ||
      this.#canary === "unlogged downgrade" && fact.kind === "epochGone";
    if (isLogFact(fact) && !isHidden) this.#log.push(encodeFact("g", fact, this.#nowMs));
    if (this.#canary === "forgets who owns" && fact.kind === "current") {
      const { members } = this.#group;
      if (members.type === "consumer") members.owners.clear();
    }
    applyFact(this.#group, fact);
  }

  #replayed(log: Iterable<NewRecord> = this.#log): Group {
    const group = newGroup("g", 0);
    for (const { key, value } of log) {
      const decoded = decodeFact(key!, value ?? null);
      if (decoded) replayLogFact(group, decoded.fact);
    }
    return group;
  }

  /** One owner at a time; epochs only rise, over changes of the protocol too. */
  #check(): void {
    const { members } = this.#group;
    this.#checkGeneration(members);
    if (members.type === "classic") return;
    const owners = new Map<number, string>();
    assert(members.members.size === 0 || members.epoch >= members.assignmentEpoch);
    for (const member of members.members.values()) {
      assert(member.epoch <= members.assignmentEpoch, `${member.id} is ahead of its target`);
      for (const assignment of [member.assigned, member.revoking]) {
        for (const partition of assignment.get(this.topicId)?.keys() ?? []) {
          const other = owners.get(partition);
          if (other !== undefined) {
            throw new Error(`${other} and ${member.id} both own ${partition}`);
          }
          owners.set(partition, member.id);
        }
      }
    }
  }

  /** A group without members may begin anew, and a generation counts once its assignment is kept. */
  #checkGeneration(members: Group["members"]): void {
    if (members.members.size === 0) this.#lastGeneration = 0;
    else if (members.type === "consumer" || members.state === "Stable") {
      const generation = members.type === "consumer" ? members.epoch : members.generation;
      assert(generation >= this.#lastGeneration, `the group fell to generation ${generation}`);
      this.#lastGeneration = generation;
    }
  }
}

/** The last record of each key, tombstones gone. */
function compacted(log: readonly NewRecord[]): NewRecord[] {
  const last = new Map<string, NewRecord>();
  for (const record of log) {
    const key = record.key!.join();
    last.delete(key);
    last.set(key, record);
  }
  return [...last.values()].filter(({ value }) => value !== null);
}
