/**
 * ConsumerTable: one group of the consumer protocol on a table, for tests: topics that can be made and deleted, a clock
 * that is moved by hand, and after every event a comparison of the group with a replay of its log.
 */
import { assert, assertEquals } from "@std/assert";
import type { Uuid } from "../bytes/uuid.ts";
import type { ConsumerSettings, HeartbeatReply } from "../groups/consumer/consumer_decision.ts";
import {
  apply,
  type ConsumerFact,
  type ConsumerMemoryFact,
} from "../groups/consumer/consumer_facts.ts";
import { type ConsumerGroup, newConsumerGroup } from "../groups/consumer/consumer_group.ts";
import {
  type ConsumerEvent,
  decide,
  due,
  nextDeadline,
} from "../groups/consumer/consumer_machine.ts";
import { decodeConsumerFact, encodeConsumerFact } from "../groups/consumer/consumer_records.ts";
import type { ConsumerContext } from "../groups/coordinator.ts";
import type { TopicFacts, TopicView } from "../groups/consumer/consumer_topics.ts";
import type { NewRecord } from "../protocol/records/build.ts";

/** What a coordinator needs for consumer groups, over topics that a test makes. */
export function consumerContext(
  topics = new TableTopics(),
  settings: Partial<ConsumerSettings> = {},
): ConsumerContext {
  return { topics, settings: () => ({ ...TABLE_SETTINGS, ...settings }) };
}

export const TABLE_SETTINGS: ConsumerSettings = {
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 5000,
  assignmentIntervalMs: 0,
  regexRefreshIntervalMs: 600_000,
  maxSize: 1000,
  assignors: ["uniform", "range"],
  migrationPolicy: "bidirectional",
};

export class ConsumerTable {
  group: ConsumerGroup = newConsumerGroup("GROUP");
  nowMs = 0;
  settings: ConsumerSettings = TABLE_SETTINGS;
  readonly topics = new TableTopics();
  readonly log: NewRecord[] = [];
  /** How far the wall clock has been set forward or back. */
  wallStepMs = 0;
  /** Whether a fact gets to where it belongs: a bug, when it does not. */
  isApplied: (fact: ConsumerFact) => boolean = () => true;
  isLogged: (fact: ConsumerFact) => boolean = () => true;

  get wallMs(): number {
    return 1_700_000_000_000 + this.nowMs + this.wallStepMs;
  }

  /** Runs an event, and what it makes due. */
  send(event: ConsumerEvent): HeartbeatReply | null {
    const now = { ms: this.nowMs, wallMs: this.wallMs };
    const { settings, topics } = this;
    let reply: HeartbeatReply | null = null;
    for (let next: ConsumerEvent | null = event; next; next = due(this.group, this.nowMs)) {
      const decision = decide(this.group, next, { now, settings, topics });
      for (const fact of decision.facts) this.#take(fact);
      reply ??= decision.reply;
    }
    const deadline = nextDeadline(this.group);
    assert(deadline === null || deadline > this.nowMs, "a deadline is in the past");
    return reply;
  }

  /** Lets time pass, from deadline to deadline. */
  pass(ms: number): void {
    const until = this.nowMs + ms;
    for (;;) {
      const deadline = nextDeadline(this.group);
      if (deadline === null || deadline > until) break;
      this.nowMs = deadline;
      const event = due(this.group, this.nowMs);
      if (event === null) throw new Error("nothing is due at a deadline");
      this.send(event);
    }
    this.nowMs = until;
  }

  /** The group as the log has it, or what compaction leaves of the log. */
  replayed(log: Iterable<NewRecord> = this.log): ConsumerGroup {
    const group = newConsumerGroup(this.group.id);
    for (const { key, value } of log) {
      const decoded = decodeConsumerFact(key!, value ?? null);
      if (decoded) apply(group, decoded.fact);
    }
    return group;
  }

  /** A broker that restarts: all that is known is what the log says. */
  restart(): void {
    this.group = this.replayed();
    this.send({ kind: "loaded" });
  }

  checkReplay(): void {
    const live = durable(this.group);
    assertEquals(durable(this.replayed()), live, "a replay of the log differs");
    assertEquals(durable(this.replayed(this.compacted())), live, "a compacted log differs");
  }

  /** The last record of each key, tombstones gone. */
  compacted(): NewRecord[] {
    const last = new Map<string, NewRecord>();
    for (const record of this.log) {
      const key = record.key!.join();
      last.delete(key);
      last.set(key, record);
    }
    return [...last.values()].filter(({ value }) => value !== null);
  }

  /** Partitions by the names of their topics. */
  named(
    partitions: readonly { readonly topicId?: Uuid; readonly partitions?: readonly number[] }[] =
      [],
  ): Record<string, number[]> {
    const named = partitions.map(({ topicId, partitions }) =>
      [this.topics.nameOf(topicId!), [...partitions!].sort((a, b) => a - b)] as const
    );
    return Object.fromEntries(named.sort(([a], [b]) => a < b ? -1 : 1));
  }

  #take(fact: ConsumerFact): void {
    if (!isMemoryFact(fact) && this.isLogged(fact)) {
      this.log.push(encodeConsumerFact(this.group.id, fact, this.wallMs));
    }
    if (this.isApplied(fact)) apply(this.group, fact);
  }
}

function isMemoryFact(fact: ConsumerFact): fact is ConsumerMemoryFact {
  return fact.kind === "consumerBeat" || fact.kind === "revoking" || fact.kind === "topicsSeen";
}

/** What of a group outlives a restart, in an order that does not depend on how it came about. */
export function durable(group: ConsumerGroup): unknown {
  const { seenTopics: _, members, ...rest } = group;
  const kept = Array.from(members.values(), (member) => {
    const { sessionDeadlineMs: _, rebalanceDeadlineMs: __, ...others } = member;
    return others;
  });
  return { ...rest, members: new Map(kept.map((member) => [member.id, member])) };
}

/** Topics by name; a topic made anew has another id. */
export class TableTopics implements TopicView {
  state: unknown = {};
  readonly #topics = new Map<string, TopicFacts>();
  readonly #names = new Map<Uuid, string>();
  #made = 0;

  set(name: string, partitionCount: number): void {
    const id = this.#topics.get(name)?.id ?? uuidOf(++this.#made);
    this.#topics.set(name, { id, name, partitionCount });
    this.#names.set(id, name);
    this.state = {};
  }

  delete(name: string): void {
    this.#topics.delete(name);
    this.state = {};
  }

  byName(name: string): TopicFacts | undefined {
    return this.#topics.get(name);
  }

  byId(id: Uuid): TopicFacts | undefined {
    const topic = this.#topics.get(this.#names.get(id) ?? "");
    return topic?.id === id ? topic : undefined;
  }

  names(): Iterable<string> {
    return this.#topics.keys();
  }

  /** Of deleted topics too. */
  nameOf(id: Uuid): string {
    return this.#names.get(id)!;
  }

  idOf(name: string): Uuid {
    return this.#topics.get(name)!.id;
  }
}

function uuidOf(n: number): Uuid {
  return n.toString(36).padStart(21, "0").concat("A") as Uuid;
}
